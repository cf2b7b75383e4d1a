// Jobs as clients and the coordinator's core see them: the plain values behind
// proto/halfpipe/v1/jobs.proto, whose comments define the fields.
#ifndef HP_COMMON_JOBS_JOB_TYPES_H_
#define HP_COMMON_JOBS_JOB_TYPES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/jobs/device_memory_use.h"
#include "common/jobs/stage_progress.h"
#include "common/pipeline/action.h"

namespace halfpipe {

// What a job is to do; the values are stored and sent, so they never change.
enum class JobKind { kTrain = 1, kPrepare = 2, kCheck = 3 };

// Where a job is. coordinator/store/job_state.h has the transitions. The values
// are stored and sent, so they never change.
enum class JobState {
  kQueued = 1,
  kPreparing = 2,
  kRunning = 3,
  kSaving = 4,
  kCancelling = 5,
  kDone = 6,
  kFailed = 7,
  kCancelled = 8,
  kPaused = 9,
  kPausing = 10,
};

// "queued", "train": for messages, labels and JSON; and the inverse.
[[nodiscard]] absl::string_view JobStateName(JobState state);
[[nodiscard]] std::optional<JobState> ParseJobState(absl::string_view name);
[[nodiscard]] absl::string_view JobKindName(JobKind kind);

// Done, failed and cancelled jobs have no work left.
[[nodiscard]] bool HasEnded(JobState state);

// A committed checkpoint.
struct Checkpoint {
  int64_t steps_done = 0;
  std::string directory;
  absl::Time time = absl::UnixEpoch();
  int64_t bytes = 0;
};

// One stage during one step.
struct StageUse {
  int32_t rank = 0;
  double idle_ratio = 0.0;
  int64_t device_bytes_in_use = 0;
  int64_t device_peak_bytes = 0;
  int64_t device_total_bytes = 0;
  int64_t pinned_host_bytes = 0;
  int64_t link_bytes_sent = 0;
  double busy_seconds = 0.0;
  DeviceMemoryUse device_memory = {};
  // Of a profiled job (pipeline.profile), else empty: compute time by operation
  // and by group of kernels.
  std::map<std::string, double> action_seconds = {};
  std::map<std::string, double> kernel_seconds = {};
  // When each action ran, in seconds since the stage's first one of the step.
  std::vector<pipeline::TimedAction> actions = {};
};

struct StepProgress {
  int64_t steps_done = 0;
  int64_t steps_total = 0;
  double loss = 0.0;
  double smoothed_loss = 0.0;
  double learning_rate = 0.0;
  double grad_norm = 0.0;
  double step_seconds = 0.0;
  double eta_seconds = 0.0;
  std::vector<StageUse> stages;  // by rank
  // The next checkpoint: after which step, and how soon; 0: not known.
  int64_t next_checkpoint_step = 0;
  double next_checkpoint_seconds = 0.0;
  // It is the first one of a start, whose time is no measure of the others'.
  // Not sent, nor kept.
  bool is_first = false;
};

struct ValidationBand {
  double timestep = 0.0;  // 0..1000: the middle of the band
  double loss = 0.0;      // weighted as in training, mean of the samples
};

// An evaluation of the samples that are held out.
struct ValidationResult {
  int64_t steps_done = 0;                  // of the weights
  double loss = 0.0;                       // mean of the bands
  std::vector<ValidationBand> bands = {};  // from much noise to little
  int64_t best_steps = 0;  // whose loss is the least so far; 0: none is finite
  double best_loss = 0.0;

  [[nodiscard]] bool is_best() const { return best_steps == steps_done; }
};

struct EncodingProgress {
  int64_t samples_done = 0;
  int64_t samples_total = 0;
  std::string activity = {};  // for people
  // kEncodingClips or kLookingAtClips; kUnknown in a record from before there
  // was one.
  StageWork work = StageWork::kUnknown;
};

struct StateChange {
  JobState state = JobState::kQueued;
  std::string reason;
  absl::Status error;  // not OK when the state is kFailed
};

enum class LogSeverity { kInfo = 1, kWarning = 2, kError = 3 };

struct LogLine {
  LogSeverity severity = LogSeverity::kInfo;
  std::string text;
  std::optional<int32_t> stage = {};  // the rank that said it
};

struct JobEvent {
  int64_t cursor = 0;  // rises within the job; 0 is before the first event
  absl::Time time = absl::UnixEpoch();
  std::variant<StateChange, StepProgress, EncodingProgress, LogLine, Checkpoint,
               ValidationResult>
      what;
};

struct Job {
  std::string id;
  std::string name;
  JobKind kind = JobKind::kTrain;
  std::map<std::string, std::string> labels;
  JobState state = JobState::kQueued;
  std::string reason;  // what it waits for, or why it ended
  absl::Status error;  // why it failed
  std::string config_yaml;
  std::string config_digest;
  absl::Time created = absl::UnixEpoch();
  std::optional<absl::Time> started;
  std::optional<absl::Time> ended;
  int64_t steps_done = 0;
  int64_t steps_total = 0;
  int64_t epoch = 0;
  int64_t restarts = 0;
  int64_t queue_position = 0;  // 1 is next; 0 when not queued
  int64_t last_cursor = 0;
  std::optional<StepProgress> last_step;
  std::optional<ValidationResult> last_validation;
  std::vector<Checkpoint> checkpoints;  // oldest first
  std::vector<std::string> exports;     // files of the final LoRA
  int32_t priority = 0;                 // higher ones leave the queue first
  int32_t retry_limit = 0;
  int32_t retries = 0;                 // since it was created or resumed
  std::optional<absl::Time> retry_at;  // it does not start before
  std::string requested_pair;          // empty: any that fits
  std::string pair;                    // that it runs on, or ran on last
  // Of the memory plan that its stages were loaded by last, one a rank; empty:
  // none was made.
  std::vector<StageForecast> forecasts = {};
  // Of the request that created or resumed it last (JobSpec).
  bool replace = false;
  bool accept_data = false;
};

// The pause before a job's first retry.
inline constexpr absl::Duration kDefaultRetryBackoff = absl::Seconds(30);

// What a client gives to create a job.
struct JobSpec {
  std::string id;  // empty: the service makes one
  JobKind kind = JobKind::kTrain;
  std::string config_yaml;
  std::string file_name;  // for messages
  std::string base_dir;   // what relative paths in the file are relative to
  std::map<std::string, std::string> labels;
  bool validate_only = false;
  std::string record_dir;
  // How long the job may wait for missing stages; infinite: for ever.
  absl::Duration join_timeout = absl::InfiniteDuration();
  int32_t priority = 0;  // -1000 to 1000
  int32_t retry_limit = 0;
  absl::Duration retry_backoff = kDefaultRetryBackoff;
  std::string pair;  // of stages; empty: any that fits
  // Another job's checkpoints and LoRA in the output folder make way.
  bool replace = false;
  bool accept_data = false;  // goes on with other data than the checkpoint's
  bool quick = false;        // a check that decodes nothing
};

// What a client may say to a job that is to go on; as in JobSpec.
struct ResumeOptions {
  bool replace = false;
  bool accept_data = false;
};

struct JobQuery {
  std::vector<JobState> states;               // empty: all
  std::map<std::string, std::string> labels;  // all of them must match
  int32_t page_size = 0;                      // 0: the service's default
  std::string page_token;                     // empty: the first page
};

struct JobPage {
  std::vector<Job> jobs;        // newest first; config_yaml is empty
  std::string next_page_token;  // empty: this is the last page
};

// A connected stage process.
struct StageState {
  std::string pair;
  int32_t rank = 0;
  std::string host;
  int64_t pid = 0;
  std::string device;
  std::string device_name;
  std::string gpu_uuid;
  int64_t device_total_bytes = 0;
  int64_t device_bytes_in_use = 0;
  std::string version;
  std::string activity;
  absl::Duration silent;  // since the last heartbeat
};

// What GetTrace tells of a step; the fields are the proto's.
struct StageTrace {
  int32_t rank = 0;
  std::vector<pipeline::TimedAction> actions = {};
  double step_seconds = 0.0;
  double busy_seconds = 0.0;
  double bubble_seconds = 0.0;
  double recv_seconds = 0.0;
  double data_seconds = 0.0;
  int64_t link_bytes_sent = 0;
};

struct StepTrace {
  int64_t steps_done = 0;
  absl::Time time = absl::UnixEpoch();
  double loss = 0.0;
  std::vector<StageTrace> stages = {};
};

// The way to the service's page.
struct PageTicket {
  std::string address;  // host:port; the host may be one for all addresses
  bool tls = false;
  std::string ticket = {};  // empty: none is needed
};

struct ServerInfo {
  std::string version;
  std::string listen_address;
  std::string metrics_address;  // empty: off
  std::string state_dir;
  absl::Time started = absl::UnixEpoch();
  std::vector<StageState> stages;
};

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_JOB_TYPES_H_
