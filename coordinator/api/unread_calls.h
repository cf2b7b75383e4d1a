// Notices calls that gRPC ended before anybody here saw them.
#ifndef HP_COORDINATOR_API_UNREAD_CALLS_H_
#define HP_COORDINATOR_API_UNREAD_CALLS_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "absl/time/time.h"
#include "grpcpp/support/server_interceptor.h"

namespace halfpipe {

// gRPC reads a call's message before it shows the call to a service, and
// answers RESOURCE_EXHAUSTED by itself where the message is too large: no
// handler, interceptor or metadata processor runs. In the numbers that it keeps
// of its servers (channelz) such a call has started and never ends, which tells
// how many there were, but not whose. Expects one server in this process.
class UnreadCalls {
 public:
  // `message_bytes`: the server's limit, for the log. Logs what it sees.
  explicit UnreadCalls(int64_t message_bytes) : message_bytes_(message_bytes) {}

  // For ServerBuilder: counts the calls that are shown to a service.
  [[nodiscard]] std::unique_ptr<
      grpc::experimental::ServerInterceptorFactoryInterface>
  Counter() const;

  // Every 100 ms or so. Once in kWindow logs the calls that were unread all the
  // time, and were not logged before: at a single look some are always just
  // coming or going. One thread.
  void Look(absl::Time now);

 private:
  static constexpr absl::Duration kWindow = absl::Seconds(10);

  const int64_t message_bytes_;
  // Of calls that are shown and have not ended; the server's calls own it too.
  const std::shared_ptr<std::atomic<int64_t>> shown_ =
      std::make_shared<std::atomic<int64_t>>(0);
  int64_t logged_ = 0;
  // Unread calls in this window.
  int64_t least_ = std::numeric_limits<int64_t>::max();
  int64_t most_ = std::numeric_limits<int64_t>::min();
  absl::Time until_ = absl::InfiniteFuture();
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_UNREAD_CALLS_H_
