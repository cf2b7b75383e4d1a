// Calls that last, and the tokens that opened them.
#ifndef HP_COORDINATOR_API_OPEN_CALLS_H_
#define HP_COORDINATOR_API_OPEN_CALLS_H_

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/auth/token_book.h"
#include "grpcpp/server_context.h"

namespace halfpipe {

// A call's token is looked at when the call comes. One that lasts (a watch, a
// stage's long poll) goes on only while its token may make it: when the token
// has been taken out or has got another role, the call is told to end, and
// ended for it where it does not within two seconds, as one whose client does
// not read. Thread-safe.
class OpenCalls {
 public:
  // Of one call; leaves when it goes.
  class Call {
   public:
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call();

    // To be asked whenever the call is about to wait or to tell something.
    [[nodiscard]] bool revoked() const { return revoked_; }

    // What it ends with then. Unauthenticated.
    [[nodiscard]] static absl::Status Revoked();

   private:
    friend class OpenCalls;

    Call(OpenCalls* calls, grpc::ServerContext* context, std::string token,
         std::string method);

    OpenCalls* const calls_;
    grpc::ServerContext* const context_;
    const std::string token_;  // SHA-256, hex; empty: none was asked for
    const std::string method_;
    std::atomic<bool> revoked_{false};
    // Of the list, under its lock.
    std::chrono::steady_clock::time_point revoked_at_;
  };

  // `tokens` outlives it; null: nobody is asked for one, and no call ends.
  explicit OpenCalls(TokenBook* tokens) : tokens_(tokens) {}

  // For the time that the call lasts. `context` outlives the result, which this
  // outlives; CallGuard has left the token in it. `method` as gRPC names it.
  [[nodiscard]] std::unique_ptr<Call> Enter(grpc::ServerContext* context,
                                            absl::string_view method);

  // Looks whether tokens have changed. Every 100 ms.
  void Look();

 private:
  [[nodiscard]] bool MayGoOn(const Call& call);

  TokenBook* const tokens_;
  absl::Mutex mutex_;
  std::list<Call*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_OPEN_CALLS_H_
