#include "common/jobs/failure_notes.h"

namespace halfpipe {

void SetPinRefusal(const PinRefusal& refusal, absl::Status* status) {
  MarkFailure(FailureKind::kPinRefused, status);
  std::optional<Failure> failure = FailureOf(*status);
  if (!failure.has_value()) return;  // of an OK status
  failure->pin = refusal;
  SetFailure(*failure, status);
}

std::optional<PinRefusal> PinRefusalOf(const absl::Status& status) {
  const std::optional<Failure> failure = FailureOf(status);
  return failure.has_value() ? failure->pin : std::nullopt;
}

void MarkDeviceFault(absl::Status* status) {
  MarkFailure(FailureKind::kDeviceFault, status);
}

bool IsDeviceFault(const absl::Status& status) {
  return IsMarked(status, FailureKind::kDeviceFault);
}

absl::Status NonFiniteError(absl::string_view message) {
  absl::Status status = absl::FailedPreconditionError(message);
  MarkFailure(FailureKind::kNonFinite, &status);
  return status;
}

bool IsNonFinite(const absl::Status& status) {
  return IsMarked(status, FailureKind::kNonFinite);
}

}  // namespace halfpipe
