// StageService over the coordinator: converts, calls, converts back.
#ifndef HP_COORDINATOR_API_STAGE_SERVICE_IMPL_H_
#define HP_COORDINATOR_API_STAGE_SERVICE_IMPL_H_

#include <string>

#include "common/auth/token_book.h"
#include "common/base/line_limit.h"
#include "coordinator/api/open_calls.h"
#include "coordinator/schedule/coordinator.h"
#include "halfpipe/v1/stages.grpc.pb.h"

namespace halfpipe {

// Thread-safe; owns nothing that it is given. A long poll ends with the token
// that opened it (UNAUTHENTICATED). A stage of another version is refused
// (FAILED_PRECONDITION), and one whose token is bound to another pair
// (PERMISSION_DENIED).
class StageServiceImpl final : public v1::StageService::Service {
 public:
  // `tokens` null: nobody has one.
  StageServiceImpl(Coordinator* coordinator, OpenCalls* calls,
                   TokenBook* tokens)
      : coordinator_(coordinator), calls_(calls), tokens_(tokens) {}

  grpc::Status Register(grpc::ServerContext* context,
                        const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override;
  grpc::Status NextCommand(grpc::ServerContext* context,
                           const v1::NextCommandRequest* request,
                           v1::NextCommandResponse* response) override;
  grpc::Status Report(grpc::ServerContext* context,
                      const v1::ReportRequest* request,
                      v1::ReportResponse* response) override;
  grpc::Status Heartbeat(grpc::ServerContext* context,
                         const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;

 private:
  // Whether the caller's token is for this pair.
  [[nodiscard]] absl::Status CheckPair(const grpc::ServerContext& context,
                                       const std::string& pair) const;

  Coordinator* const coordinator_;
  OpenCalls* const calls_;
  TokenBook* const tokens_;
  LineLimit lines_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_STAGE_SERVICE_IMPL_H_
