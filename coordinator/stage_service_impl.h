// StageService over the coordinator: converts, calls, converts back.
#ifndef HP_COORDINATOR_STAGE_SERVICE_IMPL_H_
#define HP_COORDINATOR_STAGE_SERVICE_IMPL_H_

#include "coordinator/coordinator.h"
#include "coordinator/open_calls.h"
#include "halfpipe/v1/stages.grpc.pb.h"

namespace halfpipe {

// Thread-safe; owns neither the coordinator nor the list of calls. A long poll
// ends with the token that opened it (UNAUTHENTICATED).
class StageServiceImpl final : public v1::StageService::Service {
 public:
  StageServiceImpl(Coordinator* coordinator, OpenCalls* calls)
      : coordinator_(coordinator), calls_(calls) {}

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
  Coordinator* const coordinator_;
  OpenCalls* const calls_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STAGE_SERVICE_IMPL_H_
