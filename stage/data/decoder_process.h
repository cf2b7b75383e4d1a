// A child process that is talked to by pipe, with a deadline on every wait.
#ifndef HP_STAGE_DATA_DECODER_PROCESS_H_
#define HP_STAGE_DATA_DECODER_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace halfpipe {

// How a child ended: by itself with an exit code, or by a signal.
struct ProcessEnd {
  bool by_signal = false;
  std::string text;  // "exit code 1", "signal 11 (Segmentation fault)"
};

// One run of halfpipe-decode. Movable; destroying it kills the child and waits
// for it, so none is left behind. Not thread-safe.
class DecoderProcess {
 public:
  // FailedPrecondition when the program cannot be started.
  [[nodiscard]] static absl::StatusOr<DecoderProcess> Start(
      const std::string& program);
  DecoderProcess(DecoderProcess&& other) noexcept;
  DecoderProcess& operator=(DecoderProcess&&) = delete;
  ~DecoderProcess();

  // Writes all of `bytes`. DataLoss if the child is gone, DeadlineExceeded.
  [[nodiscard]] absl::Status Send(absl::string_view bytes, absl::Time deadline);

  // Fills `size` bytes. DataLoss if the child ended first, DeadlineExceeded.
  [[nodiscard]] absl::Status Read(void* out, size_t size, absl::Time deadline);

  // Kills the child if it runs and says how it ended. Call once.
  [[nodiscard]] ProcessEnd End();

 private:
  DecoderProcess(pid_t pid, int input, int output);

  pid_t pid_;   // -1 once it was waited for
  int input_;   // our end of the child's standard input
  int output_;  // and output
};

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_DECODER_PROCESS_H_
