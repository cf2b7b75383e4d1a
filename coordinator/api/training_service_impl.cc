#include "coordinator/api/training_service_impl.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/message_text.h"
#include "common/rpc/status_conversion.h"
#include "coordinator/api/call_guard.h"

namespace halfpipe {
namespace {

// Puts a job into a response, or says why there is none.
template <typename Response>
grpc::Status Answer(const absl::StatusOr<Job>& job, Response* response) {
  if (!job.ok()) return ToGrpcStatus(job.status());
  *response->mutable_job() = ToProto(*job);
  return ToGrpcStatus(MakeTextValid(response));
}

// One event as it is sent. Whatever cannot be sent still has its place, so that
// a watch goes on after it.
v1::WatchJobResponse EventMessage(const JobEvent& event) {
  v1::WatchJobResponse response;
  *response.mutable_event() = ToProto(event);
  const absl::Status valid = MakeTextValid(&response);
  if (valid.ok()) return response;
  v1::LogLine* line = response.mutable_event()->mutable_log();
  line->set_severity(v1::LOG_SEVERITY_WARNING);
  line->set_text(absl::StrCat("an event cannot be shown: ", valid.message()));
  return response;
}

}  // namespace

TrainingServiceImpl::TrainingServiceImpl(Coordinator* coordinator,
                                         OpenCalls* calls, Bounds bounds)
    : coordinator_(coordinator),
      calls_(calls),
      bounds_(std::move(bounds)),
      quotas_(bounds_.limits, [coordinator](const std::string& id) {
        const absl::StatusOr<Job> job = coordinator->GetJob(id);
        return job.ok() && job->state == JobState::kQueued;
      }) {}

std::string TrainingServiceImpl::TokenNameOf(
    const grpc::ServerContext& context) {
  if (bounds_.tokens == nullptr) return "";
  const std::optional<Identity> identity =
      bounds_.tokens->Find(TokenOf(context));
  return identity.has_value() ? identity->name : "";
}

absl::StatusOr<Job> TrainingServiceImpl::CreateWithinLimits(
    const JobSpec& spec, const std::string& token) {
  if (spec.config_yaml.size() >
      static_cast<uint64_t>(bounds_.limits.config_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the job file has ", spec.config_yaml.size(),
                     " bytes; this service takes ", bounds_.limits.config_bytes,
                     " at most (limits.config_size)"));
  }
  const auto bytes = static_cast<int64_t>(spec.config_yaml.size());
  const absl::Status quota = quotas_.CheckJob(token, bytes);
  // One that is there is found all the same.
  if (!quota.ok() && !coordinator_->GetJob(spec.id).ok()) return quota;
  HP_ASSIGN_OR_RETURN(Job job, coordinator_->CreateJob(spec));
  quotas_.AddJob(token, job.id, bytes);
  return job;
}

grpc::Status TrainingServiceImpl::Refuse(const absl::Status& status,
                                         absl::string_view method,
                                         absl::string_view id,
                                         const grpc::ServerContext& context) {
  if (absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status)) {
    const std::optional<int64_t> left_out = lines_.Take(SteadyNow());
    if (left_out.has_value()) {
      LogWarning("job refused", {{"method", method},
                                 {"id", id},
                                 {"peer", context.peer()},
                                 {"reason", status.message()},
                                 {"lines_left_out", *left_out}});
    }
  }
  return ToGrpcStatus(status);
}

grpc::Status TrainingServiceImpl::CreateJob(grpc::ServerContext* context,
                                            const v1::CreateJobRequest* request,
                                            v1::CreateJobResponse* response) {
  absl::StatusOr<JobSpec> spec = FromProto(*request);
  if (!spec.ok()) return ToGrpcStatus(spec.status());
  const absl::StatusOr<Job> job =
      CreateWithinLimits(*spec, TokenNameOf(*context));
  if (!job.ok()) return Refuse(job.status(), "CreateJob", spec->id, *context);
  return Answer(job, response);
}

grpc::Status TrainingServiceImpl::GetJob(grpc::ServerContext*,
                                         const v1::GetJobRequest* request,
                                         v1::GetJobResponse* response) {
  return Answer(coordinator_->GetJob(request->id()), response);
}

grpc::Status TrainingServiceImpl::ListJobs(grpc::ServerContext*,
                                           const v1::ListJobsRequest* request,
                                           v1::ListJobsResponse* response) {
  absl::StatusOr<JobQuery> query = FromProto(*request);
  if (!query.ok()) return ToGrpcStatus(query.status());
  absl::StatusOr<JobPage> page = coordinator_->ListJobs(*query);
  if (!page.ok()) return ToGrpcStatus(page.status());
  *response = ToProto(*page);
  return ToGrpcStatus(MakeTextValid(response));
}

grpc::Status TrainingServiceImpl::WatchJob(
    grpc::ServerContext* context, const v1::WatchJobRequest* request,
    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  absl::Cleanup leave = [this] { --watches_; };
  if (++watches_ > bounds_.limits.watches) {
    return Refuse(
        absl::ResourceExhaustedError(absl::StrCat(
            bounds_.limits.watches,
            " clients watch jobs already, which is this service's limit "
            "(limits.watches): try again later")),
        "WatchJob", request->id(), *context);
  }
  const std::string token = TokenNameOf(*context);
  if (const absl::Status quota = quotas_.BeginWatch(token); !quota.ok()) {
    return Refuse(quota, "WatchJob", request->id(), *context);
  }
  const absl::Cleanup end_watch = [&] { quotas_.EndWatch(token); };
  const std::unique_ptr<OpenCalls::Call> call =
      calls_->Enter(context, "/halfpipe.v1.TrainingService/WatchJob");
  // Headers at once: a client whose connection breaks later knows by them that
  // the service was there, also where the job had nothing to tell.
  context->AddInitialMetadata("halfpipe-watch", "open");
  writer->SendInitialMetadata();
  int64_t cursor = request->after_cursor();
  while (true) {
    const absl::Time deadline =
        request->follow() ? SteadyNow() + absl::Seconds(10) : SteadyNow();
    absl::StatusOr<Coordinator::EventBatch> batch = coordinator_->WaitForEvents(
        request->id(), cursor, deadline,
        [&] { return context->IsCancelled() || call->revoked(); });
    if (!batch.ok()) return ToGrpcStatus(batch.status());
    for (const JobEvent& event : batch->events) {
      if (call->revoked()) break;
      // A client that has hung up is no error of ours.
      if (!writer->Write(EventMessage(event))) return grpc::Status::OK;
      cursor = event.cursor;
    }
    if (call->revoked()) return ToGrpcStatus(OpenCalls::Call::Revoked());
    if (batch->complete || context->IsCancelled()) return grpc::Status::OK;
    if (!request->follow() && batch->events.empty()) return grpc::Status::OK;
  }
}

grpc::Status TrainingServiceImpl::CancelJob(grpc::ServerContext*,
                                            const v1::CancelJobRequest* request,
                                            v1::CancelJobResponse* response) {
  return Answer(coordinator_->CancelJob(request->id(), request->now()),
                response);
}

grpc::Status TrainingServiceImpl::ResumeJob(grpc::ServerContext*,
                                            const v1::ResumeJobRequest* request,
                                            v1::ResumeJobResponse* response) {
  return Answer(
      coordinator_->ResumeJob(request->id(),
                              {request->replace(), request->accept_data()}),
      response);
}

grpc::Status TrainingServiceImpl::PauseJob(grpc::ServerContext*,
                                           const v1::PauseJobRequest* request,
                                           v1::PauseJobResponse* response) {
  return Answer(coordinator_->PauseJob(request->id()), response);
}

grpc::Status TrainingServiceImpl::SaveJob(grpc::ServerContext*,
                                          const v1::SaveJobRequest* request,
                                          v1::SaveJobResponse* response) {
  return Answer(coordinator_->SaveJob(request->id()), response);
}

grpc::Status TrainingServiceImpl::DeleteJob(grpc::ServerContext*,
                                            const v1::DeleteJobRequest* request,
                                            v1::DeleteJobResponse* response) {
  return Answer(coordinator_->DeleteJob(request->id()), response);
}

grpc::Status TrainingServiceImpl::GetTrace(grpc::ServerContext*,
                                           const v1::GetTraceRequest* request,
                                           v1::GetTraceResponse* response) {
  const absl::StatusOr<std::vector<StepTrace>> traces =
      coordinator_->GetTrace(request->id(), request->steps());
  if (!traces.ok()) return ToGrpcStatus(traces.status());
  for (const StepTrace& trace : *traces) {
    *response->add_steps() = ToProto(trace);
  }
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::CreatePageTicket(
    grpc::ServerContext* context, const v1::CreatePageTicketRequest*,
    v1::CreatePageTicketResponse* response) {
  const absl::StatusOr<PageTicket> ticket =
      MakePageTicket(bounds_.page, TokenOf(*context), SteadyNow());
  if (!ticket.ok()) return ToGrpcStatus(ticket.status());
  response->set_address(ticket->address);
  response->set_tls(ticket->tls);
  response->set_ticket(ticket->ticket);
  return grpc::Status::OK;
}

grpc::Status TrainingServiceImpl::GetServerInfo(
    grpc::ServerContext*, const v1::GetServerInfoRequest*,
    v1::GetServerInfoResponse* response) {
  *response = ToProto(coordinator_->Info());
  return ToGrpcStatus(MakeTextValid(response));
}

}  // namespace halfpipe
