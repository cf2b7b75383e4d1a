// The wall between libtorch's exceptions and the rest of the program. Inside
// the torch group (kernels, lora, memory, wan, encoders, train) functions may
// let c10::Error fly; every public method that other groups call runs its body
// in one TorchGuard.
#ifndef HP_STAGE_KERNELS_TORCH_GUARD_H_
#define HP_STAGE_KERNELS_TORCH_GUARD_H_

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// The host did not let the driver pin `asked_bytes`.
class PinRefusedError : public c10::OutOfMemoryError {
 public:
  PinRefusedError(c10::SourceLocation location, std::string message,
                  int64_t asked_bytes)
      : OutOfMemoryError(location, std::move(message)),
        asked_bytes_(asked_bytes) {}

  [[nodiscard]] int64_t asked_bytes() const { return asked_bytes_; }

 private:
  int64_t asked_bytes_;
};

// Turns the exception that is being handled into a status whose message starts
// with `what`. REQUIRES: called inside a catch block. Codes:
//   ResourceExhausted  c10::OutOfMemoryError, std::bad_alloc, a library that
//                      found the device full; PinRefusedError, with a
//                      PinRefusal (common/jobs/failure_notes.h)
//   Unimplemented      c10::NotImplementedError
//   Internal           device faults (IsDeviceFault), other c10::Error,
//                      std::exception
// The full text of a c10::Error (with its backtrace) goes to the log.
[[nodiscard]] absl::Status StatusFromCurrentException(absl::string_view what);

// Runs `fn` without autograd and returns its absl::Status or StatusOr; an
// exception becomes StatusFromCurrentException(what). `what` names the action
// ("stage1 1B3"). Any thread.
template <typename Fn>
[[nodiscard]] auto TorchGuard(absl::string_view what, Fn&& fn)
    -> decltype(fn()) {
  at::NoGradGuard no_grad;
  try {
    return std::forward<Fn>(fn)();
  } catch (...) {
    return StatusFromCurrentException(what);
  }
}

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_TORCH_GUARD_H_
