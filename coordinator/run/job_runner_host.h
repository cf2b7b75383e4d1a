// What the run of a job does to the world.
#ifndef HP_COORDINATOR_RUN_JOB_RUNNER_HOST_H_
#define HP_COORDINATOR_RUN_JOB_RUNNER_HOST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/store/job_state.h"

namespace halfpipe {

using JobEventBody = decltype(JobEvent::what);

// The queues of commands of a job's stages.
class CommandQueues {
 public:
  virtual ~CommandQueues() = default;

  // Queues a command of the present epoch and returns its sequence. REQUIRES:
  // the stage is there.
  virtual int64_t Send(Rank rank, CommandBody body) = 0;
  // Takes back what was queued and not yet delivered to the stage; returns the
  // sequence of the last command that was delivered.
  virtual int64_t Retract(Rank rank) = 0;
  // Voids every command of all stages.
  [[nodiscard]] virtual absl::StatusOr<Epoch> NewEpoch() = 0;
};

// Called only from within the runner's own methods.
class JobRunnerHost : public CommandQueues {
 public:
  virtual void ChangeState(JobTrigger trigger, const std::string& reason,
                           const absl::Status& error) = 0;
  // Why the job stays in the state that it is in; "" when it goes on.
  virtual void SetReason(const std::string& reason) = 0;
  virtual void Emit(const JobEventBody& event) = 0;
  // What the stages measured in a step that counts, by rank; before its Emit.
  virtual void OnReports(const std::vector<StepReport>& reports) = 0;
  // A step ended the epoch or the job because its loss or gradient is not
  // finite. (One that is skipped is told by its Emit.)
  virtual void OnNonFiniteStep() = 0;
  // The pair forms again, for one of RestartReason's words.
  virtual void OnRestart(absl::string_view reason) = 0;
  // The commit: durable when it returns OK.
  [[nodiscard]] virtual absl::Status CommitCheckpoint(
      const Checkpoint& checkpoint) = 0;
  virtual void ForgetCheckpoint(const Checkpoint& checkpoint) = 0;
  // A checkpoint of this training that was found in the output folder.
  virtual void AdoptCheckpoint(const Checkpoint& checkpoint) = 0;
  // What the memory plan of the job's next start expects, one a rank; empty:
  // there is none.
  virtual void SetForecasts(const std::vector<StageForecast>& forecasts) = 0;
  virtual void SetExports(const std::vector<std::string>& paths) = 0;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_RUNNER_HOST_H_
