// The keys that a stage shows its coordinator, and those that it asks for.
#ifndef HP_STAGE_SERVE_STAGE_ACCESS_H_
#define HP_STAGE_SERVE_STAGE_ACCESS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/auth/connection.h"
#include "common/auth/token_book.h"
#include "common/metrics/metrics_server.h"

namespace halfpipe {

// From flags and environment.
struct StageAccessOptions {
  ConnectionSources security = {};
  std::string tokens = {};  // token file of who may read metrics
};

struct StageAccess {
  ConnectionSecurity coordinator;
  MetricsSecurity metrics;
  // Null where anybody may read metrics; shared with `metrics`.
  std::shared_ptr<TokenBook> tokens;
};

// Reads and checks the files. Metrics that other machines can reach are served
// by HTTPS with the stage's own certificate, to tokens of people. Codes:
// LoadConnectionSecurity's, CheckExposure's and TokenBook::Open's.
[[nodiscard]] absl::StatusOr<StageAccess> OpenStageAccess(
    const StageAccessOptions& options, const std::string& coordinator_address,
    const std::string& metrics_address);

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_STAGE_ACCESS_H_
