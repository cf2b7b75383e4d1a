// The coordinator's own settings: `halfpipe-coordinator --config FILE`.
#ifndef HP_COMMON_CONFIG_SERVICE_CONFIG_H_
#define HP_COMMON_CONFIG_SERVICE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/log.h"

namespace halfpipe {

// PEM files; empty: no TLS.
struct ServiceTlsConfig {
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: clients and stages need no certificate
};

// Folders that the paths of a job must lie in: all three lists, or none and
// jobs may name any path.
struct PathRootsConfig {
  std::vector<std::string> data;
  std::vector<std::string> models;
  std::vector<std::string> outputs;

  [[nodiscard]] bool empty() const {
    return data.empty() && models.empty() && outputs.empty();
  }
};

// How much may be asked of the service; past it: RESOURCE_EXHAUSTED.
struct ServiceLimits {
  int64_t message_bytes = int64_t{64} << 20;  // of one message to the service
  int64_t config_bytes = int64_t{256} << 10;  // of one job file
  int64_t queued_jobs = 100'000;
  int64_t watches = 512;              // clients that follow a job at once
  int64_t connections = 1024;         // to listen_address at once
  int64_t machine_connections = 256;  // of one machine that is not this one
  // Of one token, where tokens are asked for.
  int64_t watches_per_token = 128;
  int64_t queued_jobs_per_token = 10'000;
  int64_t queued_bytes_per_token = int64_t{64} << 20;  // of their job files
  // The files of all jobs that wait, together.
  int64_t queued_bytes = int64_t{256} << 20;
};

// How long the records of jobs that have ended are kept. Their output folders
// are nobody's to delete.
struct RetentionConfig {
  int64_t days = 365;
  int64_t ended_jobs = 10'000;  // the last ones
};

struct ServiceConfig {
  std::string listen_address = "127.0.0.1:50700";  // gRPC
  std::string metrics_address = "127.0.0.1:9700";  // HTTP; empty: none
  std::string state_dir = "/var/lib/halfpipe";     // the database lives here
  LogLevel log_level = LogLevel::kInfo;
  // A stage that was silent for so long has lost its lease.
  int64_t lease_seconds = 10;
  ServiceTlsConfig tls;
  std::string tokens;  // the token file; empty: nobody is asked for a token
  PathRootsConfig roots;
  ServiceLimits limits;
  RetentionConfig retention;
};

// As ParseJobConfig: every problem at once, InvalidArgument. An empty document
// is the defaults.
[[nodiscard]] absl::StatusOr<ServiceConfig> ParseServiceConfig(
    absl::string_view yaml, absl::string_view file_name);

// The resolved config as YAML.
[[nodiscard]] std::string ToYaml(const ServiceConfig& config);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_SERVICE_CONFIG_H_
