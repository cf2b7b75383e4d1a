#include "stage/job/scan_problems.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace halfpipe {

void ScanProblems::Add(absl::Status status) {
  if (!status.ok()) problems_.push_back(std::move(status));
}

absl::Status ScanProblems::ToStatus() const {
  if (problems_.empty()) return absl::OkStatus();
  if (problems_.size() == 1 && !absl::IsPermissionDenied(problems_[0])) {
    return problems_[0];
  }
  const std::string lines = absl::StrJoin(
      problems_, "\n", [](std::string* out, const absl::Status& problem) {
        absl::StrAppend(out, problem.message());
      });
  return absl::InvalidArgumentError(lines);
}

bool IsWrongWithJob(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
         absl::IsFailedPrecondition(status) || absl::IsDataLoss(status);
}

}  // namespace halfpipe
