#include "coordinator/job_request.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr size_t kMaxLabels = 32;
constexpr size_t kMaxLabelBytes = 256;

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '-';
}

std::string RandomId() {
  std::random_device device;
  return absl::StrFormat("job-%08x%04x", device(), device() & 0xffffU);
}

}  // namespace

absl::Status CheckJobSpec(const JobSpec& spec) {
  if (spec.id.size() > kMaxIdBytes ||
      !std::all_of(spec.id.begin(), spec.id.end(), IsIdCharacter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a job's id is up to ", kMaxIdBytes,
                     " letters, digits, dots, dashes and underscores"));
  }
  if (spec.labels.size() > kMaxLabels) {
    return absl::InvalidArgumentError(
        absl::StrCat("a job has at most ", kMaxLabels, " labels, found ",
                     spec.labels.size()));
  }
  for (const auto& [key, value] : spec.labels) {
    if (key.empty() || key.size() > kMaxLabelBytes ||
        value.size() > kMaxLabelBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("label \"", key.substr(0, kMaxLabelBytes),
                       "\": key and value are at most ", kMaxLabelBytes,
                       " bytes, and the key is not empty"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<JobConfig> ResolvedConfig(const JobSpec& spec) {
  const std::string file_name =
      spec.file_name.empty() ? "job file" : spec.file_name;
  HP_ASSIGN_OR_RETURN(JobConfig config,
                      ParseJobConfig(spec.config_yaml, file_name));
  if (!spec.base_dir.empty()) ResolvePaths(spec.base_dir, &config);
  return config;
}

absl::StatusOr<Job> MakeJob(const JobSpec& spec, absl::Time now) {
  HP_ASSIGN_OR_RETURN(const JobConfig config, ResolvedConfig(spec));
  Job job;
  job.id = spec.id.empty() ? RandomId() : spec.id;
  job.name = config.name;
  job.kind = spec.kind;
  job.labels = spec.labels;
  job.state = JobState::kQueued;
  job.config_yaml = ToYaml(config);
  job.config_digest = ConfigDigest(config);
  job.created = now;
  job.steps_total = config.train.steps;
  return job;
}

}  // namespace halfpipe
