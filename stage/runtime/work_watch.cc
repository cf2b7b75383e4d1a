#include "stage/runtime/work_watch.h"

namespace halfpipe {

bool WorkWatch::GetsOn(const WorkPlace& place, absl::Time now) {
  if (place_ != place) {
    place_ = place;
    since_ = now;
  }
  return now - since_ < (place.running ? limits_.in_command : limits_.idle);
}

}  // namespace halfpipe
