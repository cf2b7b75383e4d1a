// How the stages of a run come to hold the job: joined by a link and loaded
// from a checkpoint, or with what they still hold between two steps, whether
// the coordinator was restarted under them or only their link failed.
#ifndef HP_COORDINATOR_RUN_JOB_START_H_
#define HP_COORDINATOR_RUN_JOB_START_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/jobs/stage_protocol.h"
#include "common/pipeline/schedule.h"
#include "coordinator/run/job_memory.h"
#include "coordinator/run/nonfinite_guard.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

// Not thread-safe.
class JobStart {
 public:
  // The pointers outlive it.
  JobStart(RunContext* run, const TrainingData* data,
           const RunValidations* validations, NonFiniteGuard* nonfinite);

  [[nodiscard]] RunMemory& memory() { return memory_; }

  // Optimizer steps that every stage holds, at least `saved_steps`; 0: nothing
  // to go on with.
  [[nodiscard]] int64_t StepsHeld(int64_t saved_steps) const;

  // What the stages go on at; 0: from files.
  [[nodiscard]] int64_t continue_at() const { return continue_at_; }

  void set_continue_at(int64_t steps) { continue_at_ = steps; }

  // The short way back failed, and is not taken again before a start succeeds.
  // False: it was not taken, or may not be any more.
  [[nodiscard]] bool GiveUpContinuing();

  // FailedPrecondition: LinkKindOf's. REQUIRES: more than one stage.
  [[nodiscard]] absl::Status OpenLink();

  // Rank 0 has: what every stage joins with.
  void OnLinkOpened(OpenLinkResult links) { links_ = std::move(links); }

  // Sends the start to all. Codes: PlanJobMemory's.
  [[nodiscard]] absl::Status Send(const std::string& resume_from);
  void OnStarted(Rank rank, const StartResult& result);
  // All have. FailedPrecondition: they disagree on what crosses the split.
  [[nodiscard]] absl::Status End();

  // Of the steps of the last start.
  [[nodiscard]] const pipeline::Schedule& schedule() const { return schedule_; }

  [[nodiscard]] int64_t split() const { return split_; }

  [[nodiscard]] const StartCommand& started() const { return started_; }

 private:
  [[nodiscard]] absl::StatusOr<StartCommand> MakeStart(
      const std::string& resume_from);
  [[nodiscard]] absl::StatusOr<StartCommand> MakeContinuation();
  // How the stages join this time.
  [[nodiscard]] absl::Status AddLinks(StartCommand* start);

  RunContext* const run_;
  const TrainingData* const data_;
  const RunValidations* const validations_;
  NonFiniteGuard* const nonfinite_;
  RunMemory memory_;
  pipeline::Schedule schedule_;
  int64_t split_ = 0;
  int64_t continue_at_ = 0;
  bool may_continue_ = true;                   // it did not fail last time
  OpenLinkResult links_;                       // of the next start
  StartCommand started_;                       // the last start that was sent
  std::vector<std::string> boundary_digests_;  // by rank
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_START_H_
