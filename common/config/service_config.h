// The coordinator's own settings: `halfpipe-coordinator --config FILE`.
#ifndef HP_COMMON_CONFIG_SERVICE_CONFIG_H_
#define HP_COMMON_CONFIG_SERVICE_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/log.h"

namespace halfpipe {

struct ServiceConfig {
  std::string listen_address = "127.0.0.1:50700";  // gRPC; host:port
  std::string metrics_address = "127.0.0.1:9700";  // HTTP; empty: none
  std::string state_dir = "/var/lib/halfpipe";     // the database lives here
  LogLevel log_level = LogLevel::kInfo;
  // A stage that was silent for so long has lost its lease.
  int64_t lease_seconds = 10;
};

// As ParseJobConfig: every problem at once, InvalidArgument. An empty document
// is the defaults.
[[nodiscard]] absl::StatusOr<ServiceConfig> ParseServiceConfig(
    absl::string_view yaml, absl::string_view file_name);

// The resolved config as YAML.
[[nodiscard]] std::string ToYaml(const ServiceConfig& config);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_SERVICE_CONFIG_H_
