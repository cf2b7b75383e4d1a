#include "common/config/service_config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/job_fields.h"
#include "common/config/schema.h"

namespace halfpipe {
namespace {

// host:port with a port from 0 (any free one) to 65535.
bool IsAddress(absl::string_view text) {
  size_t colon = text.rfind(':');
  int port = -1;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 0 &&
         port <= 65535;
}

void CheckAddress(const std::string& key, const std::string& address,
                  const KeyLines& lines, ProblemList* problems) {
  if (IsAddress(address)) return;
  problems->Add(LineOf(key, lines), key,
                absl::StrCat("expected host:port, found '", address, "'"));
}

}  // namespace

absl::StatusOr<ServiceConfig> ParseServiceConfig(absl::string_view yaml,
                                                 absl::string_view file_name) {
  ServiceConfig config;
  std::vector<Field> fields = ServiceFields(&config);
  ProblemList problems(file_name);
  KeyLines lines = ReadFields(yaml, fields, &problems);
  CheckFields(fields, lines, &problems);
  CheckAddress("listen_address", config.listen_address, lines, &problems);
  if (!config.metrics_address.empty()) {
    CheckAddress("metrics_address", config.metrics_address, lines, &problems);
  }
  if (config.state_dir.empty()) {
    problems.Add(LineOf("state_dir", lines), "state_dir", "is empty");
  }
  absl::Status status = problems.ToStatus();
  if (!status.ok()) return status;
  return config;
}

std::string ToYaml(const ServiceConfig& config) {
  ServiceConfig copy = config;
  return WriteFields(ServiceFields(&copy));
}

}  // namespace halfpipe
