// What the page keeps of a job's events.
#ifndef HP_COORDINATOR_PAGE_JOB_RECORD_H_
#define HP_COORDINATOR_PAGE_JOB_RECORD_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/page/loss_curve.h"
#include "coordinator/page/step_history.h"

namespace halfpipe {

// A line of a job's log, as `halfpipe logs` has it, or a change of its state.
struct RecordedLine {
  absl::Time time = absl::UnixEpoch();
  LogSeverity severity = LogSeverity::kInfo;
  std::optional<int32_t> stage = {};  // the rank that said it
  std::string text;
};

// Takes every event in order. Bounded. Not thread-safe.
class JobRecord {
 public:
  static constexpr size_t kLines = 300;
  static constexpr size_t kMostLineBytes = 2000;
  // Of more evaluations every second one is left out.
  static constexpr size_t kValidations = 400;

  void Add(const JobEvent& event);

  [[nodiscard]] const LossCurve& curve() const { return curve_; }

  [[nodiscard]] const StepHistory& steps() const { return steps_; }

  // By their steps.
  [[nodiscard]] const std::vector<ValidationResult>& validations() const {
    return validations_;
  }

  // The last ones, oldest first.
  [[nodiscard]] const std::deque<RecordedLine>& lines() const { return lines_; }

 private:
  void AddValidation(const ValidationResult& result);
  void AddLine(RecordedLine line);

  LossCurve curve_;
  StepHistory steps_;
  std::vector<ValidationResult> validations_;
  std::deque<RecordedLine> lines_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_JOB_RECORD_H_
