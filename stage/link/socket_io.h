// Whole reads and writes on a stream socket, and waiting for it.
#ifndef HP_STAGE_LINK_SOCKET_IO_H_
#define HP_STAGE_LINK_SOCKET_IO_H_

#include <cstddef>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace halfpipe {

// A file descriptor that is closed with its owner.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}

  OwnedFd(OwnedFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }

  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();

  [[nodiscard]] int get() const { return fd_; }

  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Moves exactly `size` bytes of a blocking socket. Aborted when the peer has
// closed it, or when it was shut down here.
[[nodiscard]] absl::Status SendAll(int fd, const void* data, size_t size);
[[nodiscard]] absl::Status ReceiveAll(int fd, void* data, size_t size);

// Waits until `fd` can be read. DeadlineExceeded, or Cancelled once `stop` is
// requested.
[[nodiscard]] absl::Status WaitReadable(int fd, absl::Time deadline,
                                        const std::stop_token& stop);

// Sends and receives at the same time, up to `deadline`: two peers that both
// only sent could wait for each other for ever.
struct Exchanged {
  const void* send = nullptr;
  size_t send_size = 0;
  void* receive = nullptr;
  size_t receive_size = 0;
};

[[nodiscard]] absl::Status ExchangeAll(int fd, const Exchanged& exchanged,
                                       absl::Time deadline,
                                       const std::stop_token& stop);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_SOCKET_IO_H_
