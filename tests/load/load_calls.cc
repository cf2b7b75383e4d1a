#include "load/load_calls.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/rpc/grpc_channel.h"

namespace halfpipe {
namespace {

template <typename Response>
class UnaryCall final : public LoadCall {
 public:
  using Done = std::function<void(const grpc::Status&, const Response&)>;
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>>;

  UnaryCall(absl::Duration timeout, Done done) : done_(std::move(done)) {
    // Waits for a connection while the service is away. Thousands of calls that
    // fail at once and come again take the core that would make one.
    PrepareCall(timeout, /*wait=*/true, &context_);
  }

  grpc::ClientContext* context() { return &context_; }

  void Start(Reader reader) {
    reader_ = std::move(reader);
    reader_->Finish(&response_, &status_, this);
  }

  void Proceed(bool /*ok*/) override {
    done_(status_, response_);
    delete this;
  }

 private:
  grpc::ClientContext context_;
  Response response_;
  grpc::Status status_;
  Done done_;
  Reader reader_;
};

class WatchCall final : public LoadCall {
 public:
  using Stream = grpc::ClientAsyncReader<v1::WatchJobResponse>;

  WatchCall(std::function<void(const v1::JobEvent&)> on_event,
            std::function<void(const grpc::Status&)> ended)
      : on_event_(std::move(on_event)), ended_(std::move(ended)) {}

  grpc::ClientContext* context() { return &context_; }

  void Start(std::unique_ptr<Stream> stream) { stream_ = std::move(stream); }

  void Proceed(bool ok) override {
    if (phase_ == Phase::kFinish) {
      ended_(status_);
      delete this;
      return;
    }
    if (!ok) {
      phase_ = Phase::kFinish;
      stream_->Finish(&status_, this);
      return;
    }
    if (phase_ == Phase::kRead) on_event_(response_.event());
    phase_ = Phase::kRead;
    stream_->Read(&response_, this);
  }

 private:
  enum class Phase { kStart, kRead, kFinish };

  grpc::ClientContext context_;
  std::function<void(const v1::JobEvent&)> on_event_;
  std::function<void(const grpc::Status&)> ended_;
  std::unique_ptr<Stream> stream_;
  v1::WatchJobResponse response_;
  grpc::Status status_;
  Phase phase_ = Phase::kStart;
};

}  // namespace

LoadClient::LoadClient(const std::string& address, int channels) {
  for (int i = 0; i < channels; ++i) {
    stubs_.push_back(v1::TrainingService::NewStub(
        NewChannel(address, /*security=*/{}, /*own_connection=*/true)));
  }
}

LoadClient::~LoadClient() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) static_cast<LoadCall*>(tag)->Proceed(ok);
}

LoadClient::Stub* LoadClient::NextStub() {
  next_stub_ = (next_stub_ + 1) % stubs_.size();
  return stubs_[next_stub_].get();
}

void LoadClient::Create(const v1::CreateJobRequest& request,
                        absl::Duration timeout,
                        std::function<void(const grpc::Status&)> done) {
  ++in_flight_;
  auto* call = new UnaryCall<v1::CreateJobResponse>(
      timeout,
      [this, done = std::move(done)](const grpc::Status& status, const auto&) {
        --in_flight_;
        done(status);
      });
  call->Start(NextStub()->AsyncCreateJob(call->context(), request, &queue_));
}

void LoadClient::List(
    const v1::ListJobsRequest& request, absl::Duration timeout,
    std::function<void(const grpc::Status&, const v1::ListJobsResponse&)>
        done) {
  ++in_flight_;
  auto* call = new UnaryCall<v1::ListJobsResponse>(
      timeout, [this, done = std::move(done)](const grpc::Status& status,
                                              const auto& response) {
        --in_flight_;
        done(status, response);
      });
  call->Start(NextStub()->AsyncListJobs(call->context(), request, &queue_));
}

void LoadClient::Cancel(const std::string& id,
                        std::function<void(const grpc::Status&)> done) {
  ++in_flight_;
  auto* call = new UnaryCall<v1::CancelJobResponse>(
      absl::Seconds(10),
      [this, done = std::move(done)](const grpc::Status& status, const auto&) {
        --in_flight_;
        done(status);
      });
  v1::CancelJobRequest request;
  request.set_id(id);
  call->Start(NextStub()->AsyncCancelJob(call->context(), request, &queue_));
}

void LoadClient::Watch(const std::string& id, int64_t after_cursor, int channel,
                       std::function<void(const v1::JobEvent&)> on_event,
                       std::function<void(const grpc::Status&)> ended) {
  ++in_flight_;
  auto context = std::make_shared<grpc::ClientContext*>(nullptr);
  auto* call = new WatchCall(
      std::move(on_event),
      [this, context, ended = std::move(ended)](const grpc::Status& status) {
        --in_flight_;
        std::erase(watches_, *context);
        ended(status);
      });
  *context = call->context();
  watches_.push_back(call->context());
  v1::WatchJobRequest request;
  request.set_id(id);
  request.set_after_cursor(after_cursor);
  request.set_follow(true);
  Stub* stub = stubs_[static_cast<size_t>(channel) % stubs_.size()].get();
  call->Start(stub->AsyncWatchJob(call->context(), request, &queue_, call));
}

void LoadClient::At(absl::Time time, std::function<void()> what) {
  ++in_flight_;
  later_.emplace(time, std::move(what));
}

void LoadClient::RunDue() {
  const absl::Time now = absl::Now();
  while (!later_.empty() && later_.begin()->first <= now) {
    const std::function<void()> what = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    --in_flight_;
    what();
  }
}

void LoadClient::RunUntil(absl::Time deadline) {
  do {
    RunDue();
    absl::Time wake = deadline;
    if (!later_.empty()) wake = std::min(wake, later_.begin()->first);
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(wake)) ==
        grpc::CompletionQueue::GOT_EVENT) {
      static_cast<LoadCall*>(tag)->Proceed(ok);
    }
  } while (absl::Now() < deadline);
}

bool LoadClient::RunUntil(const std::function<bool()>& done,
                          absl::Time deadline) {
  while (!done()) {
    const absl::Time now = absl::Now();
    if (now >= deadline) return false;
    RunUntil(std::min(deadline, now + absl::Milliseconds(20)));
  }
  return true;
}

void LoadClient::Drain() {
  for (grpc::ClientContext* context : watches_) context->TryCancel();
  (void)RunUntil([this] { return in_flight_ == 0; },
                 absl::Now() + absl::Seconds(30));
}

}  // namespace halfpipe
