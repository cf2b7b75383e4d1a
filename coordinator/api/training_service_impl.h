// TrainingService over the coordinator: converts, calls, converts back.
#ifndef HP_COORDINATOR_API_TRAINING_SERVICE_IMPL_H_
#define HP_COORDINATOR_API_TRAINING_SERVICE_IMPL_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/token_book.h"
#include "common/base/line_limit.h"
#include "common/config/service_config.h"
#include "coordinator/api/open_calls.h"
#include "coordinator/api/token_quotas.h"
#include "coordinator/page/page_sessions.h"
#include "coordinator/schedule/coordinator.h"
#include "halfpipe/v1/jobs.grpc.pb.h"

namespace halfpipe {

// Thread-safe; does not own the coordinator. A watch ends with the token that
// opened it (UNAUTHENTICATED). A watch holds a thread of the
// server while it waits, so their number is limited (RESOURCE_EXHAUSTED). What
// is refused for what it asks for (INVALID_ARGUMENT, RESOURCE_EXHAUSTED) is a
// line of the log, within LineLimit.
class TrainingServiceImpl final : public v1::TrainingService::Service {
 public:
  // What clients may ask for.
  struct Bounds {
    ServiceLimits limits;
    PageAccess page;
    TokenBook* tokens = nullptr;  // outlives it; null: nobody has one
  };

  // `calls` outlives it, as the coordinator does.
  TrainingServiceImpl(Coordinator* coordinator, OpenCalls* calls,
                      Bounds bounds);

  grpc::Status CreateJob(grpc::ServerContext* context,
                         const v1::CreateJobRequest* request,
                         v1::CreateJobResponse* response) override;
  grpc::Status GetJob(grpc::ServerContext* context,
                      const v1::GetJobRequest* request,
                      v1::GetJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status WatchJob(
      grpc::ServerContext* context, const v1::WatchJobRequest* request,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override;
  grpc::Status CancelJob(grpc::ServerContext* context,
                         const v1::CancelJobRequest* request,
                         v1::CancelJobResponse* response) override;
  grpc::Status ResumeJob(grpc::ServerContext* context,
                         const v1::ResumeJobRequest* request,
                         v1::ResumeJobResponse* response) override;
  grpc::Status PauseJob(grpc::ServerContext* context,
                        const v1::PauseJobRequest* request,
                        v1::PauseJobResponse* response) override;
  grpc::Status SaveJob(grpc::ServerContext* context,
                       const v1::SaveJobRequest* request,
                       v1::SaveJobResponse* response) override;
  grpc::Status DeleteJob(grpc::ServerContext* context,
                         const v1::DeleteJobRequest* request,
                         v1::DeleteJobResponse* response) override;
  grpc::Status GetTrace(grpc::ServerContext* context,
                        const v1::GetTraceRequest* request,
                        v1::GetTraceResponse* response) override;
  grpc::Status CreatePageTicket(
      grpc::ServerContext* context, const v1::CreatePageTicketRequest* request,
      v1::CreatePageTicketResponse* response) override;
  grpc::Status GetServerInfo(grpc::ServerContext* context,
                             const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override;

 private:
  // Coordinator::CreateJob, unless the job file is too large, or the token has
  // as much waiting as it may.
  [[nodiscard]] absl::StatusOr<Job> CreateWithinLimits(
      const JobSpec& spec, const std::string& token);
  // Of the caller's token; empty: none is asked for.
  [[nodiscard]] std::string TokenNameOf(const grpc::ServerContext& context);
  // `status` for the client. If it refuses, the log says whom and why.
  [[nodiscard]] grpc::Status Refuse(const absl::Status& status,
                                    absl::string_view method,
                                    absl::string_view id,
                                    const grpc::ServerContext& context);

  Coordinator* const coordinator_;
  OpenCalls* const calls_;
  const Bounds bounds_;
  LineLimit lines_;
  std::atomic<int> watches_{0};
  TokenQuotas quotas_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_TRAINING_SERVICE_IMPL_H_
