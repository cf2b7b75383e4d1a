// Kinds of failures (common/base/failure.h) that a stage finds in its work: how
// they are put on a status and found there.
#ifndef HP_COMMON_JOBS_FAILURE_NOTES_H_
#define HP_COMMON_JOBS_FAILURE_NOTES_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/failure.h"

namespace halfpipe {

void SetPinRefusal(const PinRefusal& refusal, absl::Status* status);
[[nodiscard]] std::optional<PinRefusal> PinRefusalOf(
    const absl::Status& status);

// The device failed, not the program: it was lost (an Xid, a broken link to
// it), or its context is of no use any more. A fresh process may find it well.
void MarkDeviceFault(absl::Status* status);
[[nodiscard]] bool IsDeviceFault(const absl::Status& status);

// FailedPrecondition: a step's loss or gradient is not finite, and neither
// stage has changed anything.
[[nodiscard]] absl::Status NonFiniteError(absl::string_view message);
[[nodiscard]] bool IsNonFinite(const absl::Status& status);

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_FAILURE_NOTES_H_
