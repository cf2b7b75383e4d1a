// Calls of TrainingService from one thread: hundreds at a time, none of which
// waits for another.
#ifndef HP_TESTS_LOAD_LOAD_CALLS_H_
#define HP_TESTS_LOAD_LOAD_CALLS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "halfpipe/v1/jobs.grpc.pb.h"

namespace halfpipe {

// What is done when a call's next thing has happened. Owned by the call itself.
class LoadCall {
 public:
  virtual ~LoadCall() = default;
  // `ok`: as CompletionQueue::Next has it. Deletes itself after its last one.
  virtual void Proceed(bool ok) = 0;
};

// Sends calls and hands their ends to functions. One thread.
class LoadClient {
 public:
  using Stub = v1::TrainingService::Stub;

  // `channels` connections, each a client of its own for the service.
  LoadClient(const std::string& address, int channels);
  // REQUIRES: Drain.
  ~LoadClient();

  void Create(const v1::CreateJobRequest& request, absl::Duration timeout,
              std::function<void(const grpc::Status&)> done);
  void List(
      const v1::ListJobsRequest& request, absl::Duration timeout,
      std::function<void(const grpc::Status&, const v1::ListJobsResponse&)>
          done);
  void Cancel(const std::string& id,
              std::function<void(const grpc::Status&)> done);
  // `on_event` for each; `ended` once, with what the stream ended with.
  void Watch(const std::string& id, int64_t after_cursor, int channel,
             std::function<void(const v1::JobEvent&)> on_event,
             std::function<void(const grpc::Status&)> ended);

  // Calls it then, within RunUntil; counts as in flight.
  void At(absl::Time time, std::function<void()> what);

  // Handles what happens until `deadline`.
  void RunUntil(absl::Time deadline);
  // The same until `done` returns true; false: it did not before the deadline.
  bool RunUntil(const std::function<bool()>& done, absl::Time deadline);
  // Ends the watches and waits for every call.
  void Drain();

  [[nodiscard]] int in_flight() const { return in_flight_; }

 private:
  Stub* NextStub();
  void RunDue();

  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Stub>> stubs_;
  std::vector<grpc::ClientContext*> watches_;
  std::multimap<absl::Time, std::function<void()>> later_;
  size_t next_stub_ = 0;
  int in_flight_ = 0;
};

}  // namespace halfpipe

#endif  // HP_TESTS_LOAD_LOAD_CALLS_H_
