#include <atomic>
#include <stop_token>
#include <utility>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "client/jobs/training_client.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/base/valid_text.h"
#include "common/rpc/grpc_channel.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/message_text.h"
#include "common/rpc/status_conversion.h"
#include "halfpipe/v1/jobs.grpc.pb.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kReconnectPause = absl::Milliseconds(300);
// A watch has no natural end; this bounds a single stream, not the watch.
constexpr absl::Duration kStreamTimeout = absl::Hours(24 * 7);

// How one stream of a watch ended.
enum class StreamEnd { kComplete, kStoppedByCaller, kBroken };

class GrpcTrainingClient : public TrainingClient {
 public:
  explicit GrpcTrainingClient(TrainingClientOptions options)
      : options_(std::move(options)),
        security_(LoadConnectionSecurity(options_.security, options_.address)),
        stub_(v1::TrainingService::NewStub(
            NewChannel(options_.address,
                       security_.ok() ? *security_ : ConnectionSecurity()))),
        waits_(options_.is_starting) {}

  absl::StatusOr<Job> CreateJob(const JobSpec& spec) override {
    v1::CreateJobResponse response;
    HP_RETURN_IF_ERROR(Call("CreateJob", &v1::TrainingService::Stub::CreateJob,
                            ToProto(spec), &response));
    return FromProto(response.job());
  }

  absl::StatusOr<Job> GetJob(const std::string& id) override {
    return CallOnJob("GetJob", &v1::TrainingService::Stub::GetJob, id);
  }

  absl::StatusOr<JobPage> ListJobs(const JobQuery& query) override {
    v1::ListJobsResponse response;
    HP_RETURN_IF_ERROR(Call("ListJobs", &v1::TrainingService::Stub::ListJobs,
                            ToProto(query), &response));
    return FromProto(response);
  }

  absl::StatusOr<Job> CancelJob(const std::string& id, bool now) override {
    v1::CancelJobRequest request;
    request.set_id(id);
    request.set_now(now);
    v1::CancelJobResponse response;
    HP_RETURN_IF_ERROR(Call("CancelJob", &v1::TrainingService::Stub::CancelJob,
                            request, &response));
    return FromProto(response.job());
  }

  absl::StatusOr<Job> ResumeJob(const std::string& id,
                                const ResumeOptions& options) override {
    v1::ResumeJobRequest request;
    request.set_replace(options.replace);
    request.set_accept_data(options.accept_data);
    request.set_id(id);
    v1::ResumeJobResponse response;
    HP_RETURN_IF_ERROR(Call("ResumeJob", &v1::TrainingService::Stub::ResumeJob,
                            request, &response));
    return FromProto(response.job());
  }

  absl::StatusOr<Job> PauseJob(const std::string& id) override {
    return CallOnJob("PauseJob", &v1::TrainingService::Stub::PauseJob, id);
  }

  absl::StatusOr<Job> SaveJob(const std::string& id) override {
    return CallOnJob("SaveJob", &v1::TrainingService::Stub::SaveJob, id);
  }

  absl::StatusOr<Job> DeleteJob(const std::string& id) override {
    return CallOnJob("DeleteJob", &v1::TrainingService::Stub::DeleteJob, id);
  }

  absl::StatusOr<std::vector<StepTrace>> GetTrace(const std::string& id,
                                                  int32_t steps) override {
    v1::GetTraceRequest request;
    request.set_id(id);
    request.set_steps(steps);
    v1::GetTraceResponse response;
    HP_RETURN_IF_ERROR(Call("GetTrace", &v1::TrainingService::Stub::GetTrace,
                            request, &response));
    std::vector<StepTrace> traces;
    for (const v1::StepTrace& step : response.steps()) {
      traces.push_back(FromProto(step));
    }
    return traces;
  }

  absl::StatusOr<PageTicket> CreatePageTicket() override {
    v1::CreatePageTicketResponse response;
    HP_RETURN_IF_ERROR(Call("CreatePageTicket",
                            &v1::TrainingService::Stub::CreatePageTicket,
                            v1::CreatePageTicketRequest(), &response));
    return PageTicket{.address = response.address(),
                      .tls = response.tls(),
                      .ticket = response.ticket()};
  }

  absl::StatusOr<ServerInfo> GetServerInfo() override {
    v1::GetServerInfoResponse response;
    HP_RETURN_IF_ERROR(Call("GetServerInfo",
                            &v1::TrainingService::Stub::GetServerInfo,
                            v1::GetServerInfoRequest(), &response));
    return FromProto(response);
  }

  absl::Status WatchJob(
      const Watch& watch,
      const std::function<bool(const JobEvent&)>& on_event) override {
    HP_RETURN_IF_ERROR(security_.status());
    if (FirstInvalidByte(watch.id).has_value()) {
      return absl::NotFoundError(
          absl::StrCat("there is no job '", ValidText(watch.id), "'"));
    }
    int64_t cursor = watch.after_cursor;
    absl::Time give_up = SteadyNow() + options_.reconnect_for;
    while (true) {
      absl::Status error;
      bool answered = false;
      StreamEnd end = ReadStream(watch, on_event, &cursor, &answered, &error);
      if (end != StreamEnd::kBroken) return absl::OkStatus();
      if (watch.stop.stop_requested()) {
        return absl::CancelledError("the watch was stopped");
      }
      // We did not cancel: a service that shuts down cancels its streams.
      if (!absl::IsUnavailable(error) && !absl::IsCancelled(error)) {
        return error;
      }
      // The service was there until now, whether it had something to tell or
      // not.
      if (answered) give_up = SteadyNow() + options_.reconnect_for;
      if (SteadyNow() > give_up) {
        return absl::UnavailableError(error.message());
      }
      Pause(watch.stop);
    }
  }

 private:
  template <typename Method, typename Request, typename Response>
  absl::Status Call(absl::string_view name, Method method, Request request,
                    Response* response) {
    HP_RETURN_IF_ERROR(security_.status());
    HP_RETURN_IF_ERROR(MakeTextValid(&request));
    grpc::ClientContext context;
    PrepareCall(options_.call_timeout, waits_, &context);
    const grpc::Status status =
        (stub_.get()->*method)(&context, request, response);
    if (status.ok()) waits_ = true;
    return Explain(name, status);
  }

  // A call that is told a job's id alone and answers with the job.
  template <typename Request, typename Response>
  absl::StatusOr<Job> CallOnJob(
      absl::string_view name,
      grpc::Status (v1::TrainingService::Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
      const std::string& id) {
    Request request;
    request.set_id(id);
    Response response;
    HP_RETURN_IF_ERROR(Call(name, method, request, &response));
    return FromProto(response.job());
  }

  // Reads one stream to its end, moving `cursor` over what was delivered.
  // `answered`: the service took the call, if only by its first headers.
  StreamEnd ReadStream(const Watch& watch,
                       const std::function<bool(const JobEvent&)>& on_event,
                       int64_t* cursor, bool* answered, absl::Status* error) {
    grpc::ClientContext context;
    PrepareCall(kStreamTimeout, /*wait=*/false, &context);
    std::stop_callback on_stop(watch.stop, [&] { context.TryCancel(); });
    v1::WatchJobRequest request;
    request.set_id(watch.id);
    request.set_after_cursor(*cursor);
    request.set_follow(watch.follow);
    auto reader = stub_->WatchJob(&context, request);
    v1::WatchJobResponse response;
    while (reader->Read(&response)) {
      absl::StatusOr<JobEvent> event = FromProto(response.event());
      // A newer service may tell of things that this client does not know.
      if (event.ok() && !on_event(*event)) {
        context.TryCancel();
        (void)reader->Finish();
        return StreamEnd::kStoppedByCaller;
      }
      *cursor = response.event().cursor();
    }
    *error = Explain("WatchJob", reader->Finish());
    *answered = !context.GetServerInitialMetadata().empty();
    return error->ok() ? StreamEnd::kComplete : StreamEnd::kBroken;
  }

  static void Pause(const std::stop_token& stop) {
    absl::Notification stopped;
    std::stop_callback on_stop(stop, [&] { stopped.Notify(); });
    stopped.WaitForNotificationWithTimeout(kReconnectPause);
  }

  // gRPC's own words do not say who could not be reached.
  absl::Status Explain(absl::string_view method,
                       const grpc::Status& status) const {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return absl::UnavailableError(absl::StrCat(
          "the service at ", options_.address, " does not answer (",
          status.error_message(),
          "); is halfpipe-coordinator running, and is the address right? Start "
          "it, or give --address (or HALFPIPE_ADDRESS).",
          AdviceOnTls()));
    }
    return ExplainRefusal(method,
                          absl::StrCat("the service at ", options_.address),
                          ExplainSizeLimit(FromGrpcStatus(status)));
  }

  // A service that speaks TLS hangs up on a client that does not, and a failed
  // handshake looks like a service that is not there.
  [[nodiscard]] std::string AdviceOnTls() const {
    if (security_.ok() && !security_->tls.ca.empty()) {
      const std::string error = LastGrpcError();
      if (!absl::StrContains(error, "Handshake failed")) return "";
      return absl::StrCat(
          " TLS: ", error,
          " Is the service's certificate valid, for this name and signed by ",
          options_.security.tls.ca, "?");
    }
    if (IsLocalAddress(options_.address)) return "";
    return " On another machine it speaks TLS: give --ca (or HALFPIPE_CA).";
  }

  const TrainingClientOptions options_;
  const absl::StatusOr<ConnectionSecurity> security_;
  const std::unique_ptr<v1::TrainingService::Stub> stub_;
  std::atomic<bool> waits_;  // for a connection that is not there
};

}  // namespace

std::unique_ptr<TrainingClient> NewTrainingClient(
    const TrainingClientOptions& options) {
  return std::make_unique<GrpcTrainingClient>(options);
}

}  // namespace halfpipe
