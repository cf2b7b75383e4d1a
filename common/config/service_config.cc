#include "common/config/service_config.h"

#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "common/config/job_fields.h"
#include "common/config/schema.h"

namespace halfpipe {
namespace {

// host:port with a port from 0 (any free one) to 65535.
void CheckAddress(const std::string& key, const std::string& address,
                  const KeyLines& lines, ProblemList* problems) {
  const absl::Status status = ParseHostPort(address).status();
  if (!status.ok()) problems->Add(LineOf(key, lines), key, status.message());
}

// Some lists alone would leave the other kinds of paths open unnoticed.
void CheckRoots(const PathRootsConfig& roots, const KeyLines& lines,
                ProblemList* problems) {
  if (roots.empty()) return;
  const auto check = [&](const std::string& key,
                         const std::vector<std::string>& folders) {
    if (folders.empty()) {
      problems->Add(LineOf("roots", lines), key,
                    "is missing: with roots, each of data, models and outputs "
                    "has at least one folder");
    }
    for (const std::string& folder : folders) {
      if (!folder.empty() && folder[0] == '/') continue;
      problems->Add(
          LineOf(key, lines), key,
          absl::StrCat("expected absolute paths, found '", folder, "'"));
    }
  };
  check("roots.data", roots.data);
  check("roots.models", roots.models);
  check("roots.outputs", roots.outputs);
}

}  // namespace

absl::StatusOr<ServiceConfig> ParseServiceConfig(absl::string_view yaml,
                                                 absl::string_view file_name) {
  ServiceConfig config;
  std::vector<Field> fields = ServiceFields(&config);
  ProblemList problems(file_name);
  KeyLines lines = ReadFields(yaml, fields, &problems);
  CheckFields(fields, lines, &problems);
  if (!IsUnixAddress(config.listen_address)) {
    CheckAddress("listen_address", config.listen_address, lines, &problems);
  }
  if (!config.metrics_address.empty()) {
    CheckAddress("metrics_address", config.metrics_address, lines, &problems);
  }
  if (config.state_dir.empty()) {
    problems.Add(LineOf("state_dir", lines), "state_dir", "is empty");
  }
  CheckRoots(config.roots, lines, &problems);
  absl::Status status = problems.ToStatus();
  if (!status.ok()) return status;
  return config;
}

std::string ToYaml(const ServiceConfig& config) {
  ServiceConfig copy = config;
  return WriteFields(ServiceFields(&copy));
}

}  // namespace halfpipe
