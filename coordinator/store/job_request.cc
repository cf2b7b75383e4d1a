#include "coordinator/store/job_request.h"

#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr size_t kMaxNameInId = 40;  // of an id that the service makes
constexpr size_t kMaxLabels = 32;
constexpr size_t kMaxLabelBytes = 256;
constexpr size_t kMaxPairBytes = 256;
constexpr size_t kMaxNameBytes = 256;
constexpr int32_t kMaxPriority = 1000;
constexpr int32_t kMaxRetries = 100;
constexpr absl::Duration kMaxBackoff = absl::Hours(24);

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '-';
}

// "my-fox-1a2b3c4d5e6f": the name as far as it fits an id, then chance, so that
// two jobs of one name have two ids. A name without a letter or digit that an
// id may have is "job".
std::string NewId(const std::string& name) {
  std::string id;
  for (const char c : name) {
    if (id.size() == kMaxNameInId) break;
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte)) {
      id.push_back(absl::ascii_tolower(byte));
    } else if (!id.empty() && id.back() != '-') {
      id.push_back('-');
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  std::random_device device;
  return absl::StrFormat("%s-%08x%04x", id.empty() ? "job" : id, device(),
                         device() & 0xffffU);
}

// Priority, retries and pair.
absl::Status CheckHowToRun(const JobSpec& spec) {
  if (spec.priority < -kMaxPriority || spec.priority > kMaxPriority) {
    return absl::InvalidArgumentError(
        absl::StrCat("a job's priority is from ", -kMaxPriority, " to ",
                     kMaxPriority, ", found ", spec.priority));
  }
  if (spec.retry_limit < 0 || spec.retry_limit > kMaxRetries) {
    return absl::InvalidArgumentError(
        absl::StrCat("a job is tried again at most ", kMaxRetries,
                     " times, found ", spec.retry_limit));
  }
  if (spec.retry_backoff <= absl::ZeroDuration() ||
      spec.retry_backoff > kMaxBackoff) {
    return absl::InvalidArgumentError(
        absl::StrCat("the pause before a retry is more than 0 and at most ",
                     absl::FormatDuration(kMaxBackoff), ", found ",
                     absl::FormatDuration(spec.retry_backoff)));
  }
  return CheckPrintable("a pair's name", spec.pair, kMaxPairBytes);
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
    if (key.empty()) {
      return absl::InvalidArgumentError("the key of a label is not empty");
    }
    HP_RETURN_IF_ERROR(CheckPrintable("a label's key", key, kMaxLabelBytes));
    HP_RETURN_IF_ERROR(CheckPrintable(absl::StrCat("the label \"", key, "\""),
                                      value, kMaxLabelBytes));
  }
  return CheckHowToRun(spec);
}

absl::StatusOr<Submission> ReadSubmission(const JobSpec& spec, absl::Time now) {
  const std::string file_name =
      spec.file_name.empty() ? "job file" : spec.file_name;
  Submission read;
  HP_ASSIGN_OR_RETURN(read.config, ParseJobConfig(spec.config_yaml, file_name));
  if (!spec.base_dir.empty()) ResolvePaths(spec.base_dir, &read.config);
  HP_RETURN_IF_ERROR(
      CheckPrintable("the job's name", read.config.name, kMaxNameBytes));
  read.job.id = spec.id.empty() ? NewId(read.config.name) : spec.id;
  read.job.name = read.config.name;
  read.job.kind = spec.kind;
  read.job.labels = spec.labels;
  read.job.state = JobState::kQueued;
  read.job.config_yaml = ToYaml(read.config);
  read.job.config_digest = ConfigDigest(read.config);
  read.job.created = now;
  read.job.steps_total = read.config.train.steps;
  read.job.priority = spec.priority;
  read.job.retry_limit = spec.retry_limit;
  read.job.requested_pair = spec.pair;
  read.job.replace = spec.replace;
  read.job.accept_data = spec.accept_data;
  return read;
}

}  // namespace halfpipe
