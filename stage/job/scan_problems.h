// Everything that is wrong with a job, so that a person can mend it in one go.
#ifndef HP_STAGE_JOB_SCAN_PROBLEMS_H_
#define HP_STAGE_JOB_SCAN_PROBLEMS_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace halfpipe {

// Collects failures; each message is one line, or several of its own.
class ScanProblems {
 public:
  // An OK status is none.
  void Add(absl::Status status);

  // The value, or nullopt after adding why there is none.
  template <typename T>
  std::optional<T> Take(absl::StatusOr<T> value) {
    if (value.ok()) return std::optional<T>(*std::move(value));
    Add(std::move(value).status());
    return std::nullopt;
  }

  [[nodiscard]] bool empty() const { return problems_.empty(); }

  // OK; the one problem, as it was; or InvalidArgument with all of them, a line
  // each in the order of Add. A right that is missing is a problem of the job,
  // not of who asked: InvalidArgument too.
  [[nodiscard]] absl::Status ToStatus() const;

 private:
  std::vector<absl::Status> problems_;
};

// Whether a failed scan says what is wrong with the job, so that more of the
// same can be looked for; not that something kept it from looking.
[[nodiscard]] bool IsWrongWithJob(const absl::Status& status);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_SCAN_PROBLEMS_H_
