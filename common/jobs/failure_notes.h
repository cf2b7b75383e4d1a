// What a failed command's status tells the coordinator beside its code and
// message: payloads that Annotate keeps and the protocol carries.
#ifndef HP_COMMON_JOBS_FAILURE_NOTES_H_
#define HP_COMMON_JOBS_FAILURE_NOTES_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"

namespace halfpipe {

// The host did not let this process pin as much memory as its plan asks for.
struct PinRefusal {
  int64_t pinned_bytes = 0;  // what it had pinned by then
  int64_t asked_bytes = 0;   // what it was refused

  friend bool operator==(const PinRefusal&, const PinRefusal&) = default;
};

void SetPinRefusal(const PinRefusal& refusal, absl::Status* status);
[[nodiscard]] std::optional<PinRefusal> PinRefusalOf(
    const absl::Status& status);

// The device failed, not the program: it was lost (an Xid, a broken link to
// it), or its context is of no use any more. A fresh process may find it well.
void MarkDeviceFault(absl::Status* status);
[[nodiscard]] bool IsDeviceFault(const absl::Status& status);

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_FAILURE_NOTES_H_
