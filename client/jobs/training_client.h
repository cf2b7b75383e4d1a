// A client's way to the service: what the command line uses.
#ifndef HP_CLIENT_JOBS_TRAINING_CLIENT_H_
#define HP_CLIENT_JOBS_TRAINING_CLIENT_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/auth/connection.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// The calls of TrainingService (proto/halfpipe/v1/jobs.proto lists their
// codes). Every call has a deadline; Unavailable and DeadlineExceeded mean that
// the service cannot be reached. Thread-safe.
class TrainingClient {
 public:
  virtual ~TrainingClient() = default;

  // InvalidArgument holds every problem of the job file, one a line. With
  // `validate_only` the job that would be made; nothing is stored.
  [[nodiscard]] virtual absl::StatusOr<Job> CreateJob(const JobSpec& spec) = 0;

  [[nodiscard]] virtual absl::StatusOr<Job> GetJob(const std::string& id) = 0;

  [[nodiscard]] virtual absl::StatusOr<JobPage> ListJobs(
      const JobQuery& query) = 0;

  // Calls `on_event` for every event after `after_cursor`, on this thread. OK
  // when the job has ended and its last event was delivered (or, without
  // `follow`, when there are no more stored ones), or when `on_event` returns
  // false. Cancelled when `stop` is requested. A lost connection is made
  // again, from the last delivered event, however long the watch was silent
  // before; Unavailable once the service has been away for `reconnect_for`.
  struct Watch {
    std::string id = {};
    int64_t after_cursor = 0;
    bool follow = true;
    std::stop_token stop = {};
  };

  [[nodiscard]] virtual absl::Status WatchJob(
      const Watch& watch,
      const std::function<bool(const JobEvent&)>& on_event) = 0;

  // Returns at once; watch the job to see it end.
  [[nodiscard]] virtual absl::StatusOr<Job> CancelJob(const std::string& id,
                                                      bool now) = 0;

  [[nodiscard]] virtual absl::StatusOr<Job> ResumeJob(
      const std::string& id, const ResumeOptions& options) = 0;

  // Returns at once; watch the job to see it paused.
  [[nodiscard]] virtual absl::StatusOr<Job> PauseJob(const std::string& id) = 0;

  // Returns at once; the checkpoint is an event of the job.
  [[nodiscard]] virtual absl::StatusOr<Job> SaveJob(const std::string& id) = 0;

  // Removes the record of a job that has ended; returns what it was.
  [[nodiscard]] virtual absl::StatusOr<Job> DeleteJob(
      const std::string& id) = 0;

  // The last `steps` steps, oldest first; 0: all that the service holds.
  [[nodiscard]] virtual absl::StatusOr<std::vector<StepTrace>> GetTrace(
      const std::string& id, int32_t steps) = 0;

  [[nodiscard]] virtual absl::StatusOr<PageTicket> CreatePageTicket() = 0;

  [[nodiscard]] virtual absl::StatusOr<ServerInfo> GetServerInfo() = 0;
};

struct TrainingClientOptions {
  std::string address;  // "host:port" or "unix:/path"
  absl::Duration call_timeout = absl::Seconds(10);
  absl::Duration reconnect_for = absl::Seconds(30);  // of a watch
  ConnectionSources security = {};
  // Whoever asks starts the service too, and starts it again: even the first
  // call waits for it.
  bool is_starting = false;
};

// Makes no connection yet: the first call does, and fails at once where nobody
// listens. A service that has answered before is waited for within a call's
// deadline: it is being restarted. Where the keys cannot be used, every call
// fails with LoadConnectionSecurity's error.
[[nodiscard]] std::unique_ptr<TrainingClient> NewTrainingClient(
    const TrainingClientOptions& options);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_TRAINING_CLIENT_H_
