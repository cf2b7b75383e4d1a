// A TCP client that says what no library would.
#ifndef HP_TESTS_SUPPORT_RAW_CLIENT_H_
#define HP_TESTS_SUPPORT_RAW_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace halfpipe {

// Useful for whatever breaks a protocol: half requests, endless ones, silence.
// One thread.
class RawClient {
 public:
  // Connects to "127.0.0.1:port", or does not: see is_open.
  explicit RawClient(const std::string& address);
  ~RawClient();

  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&& other) = delete;

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  // False: the other side has gone, or takes nothing for five seconds.
  bool Send(absl::string_view bytes);
  // All that comes until the other side closes, for `time` at most.
  [[nodiscard]] std::string ReadAll(absl::Duration time = absl::Seconds(5));
  // Whether the other side has closed by `time` from now.
  [[nodiscard]] bool IsClosedWithin(absl::Duration time);

 private:
  // Reads into `all`; whether the other side closed within `time`.
  bool ReadUntilClosed(absl::Duration time, std::string* all);

  int fd_ = -1;
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_RAW_CLIENT_H_
