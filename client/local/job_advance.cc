#include "client/local/job_advance.h"

#include <algorithm>
#include <variant>

namespace halfpipe {

bool JobAdvance::See(const JobEvent& event) {
  if (const auto* step = std::get_if<StepProgress>(&event.what)) {
    const bool further = step->steps_done > furthest_;
    furthest_ = std::max(furthest_, step->steps_done);
    return further;
  }
  return std::holds_alternative<Checkpoint>(event.what);
}

}  // namespace halfpipe
