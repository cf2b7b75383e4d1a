// The checkpoints that a run writes: when one is due, its files, its commit,
// and which of the old ones stay.
#ifndef HP_COORDINATOR_RUN_SAVE_LOOP_H_
#define HP_COORDINATOR_RUN_SAVE_LOOP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/exponential_mean.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/run/job_start.h"
#include "coordinator/run/nonfinite_guard.h"
#include "coordinator/run/run_checkpoints.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

// Not thread-safe.
class SaveLoop {
 public:
  // What a checkpoint says beside its files; all of it outlives the loop.
  struct Sources {
    const TrainingData* data = nullptr;
    const JobStart* start = nullptr;
    const RunValidations* validations = nullptr;
    NonFiniteGuard* nonfinite = nullptr;
    RunCheckpoints* checkpoints = nullptr;
  };

  SaveLoop(RunContext* run, const Sources& sources)
      : run_(run), from_(sources) {}

  // The stages hold nothing that is worth a save by the hour yet.
  void CountFrom(absl::Time now) { last_save_ = now; }

  // The last CountFrom: of the start, or of the last commit.
  [[nodiscard]] absl::Time last_save() const { return last_save_; }

  [[nodiscard]] bool IsDue(int64_t steps_done, absl::Time now) const;

  // A checkpoint is due at once, or, with false, is not for a request's sake.
  void Request(bool wanted) { requested_ = wanted; }

  // The newest one was lost.
  void OnLost() { soon_ = true; }

  // Has the stages write their files. Codes: CheckpointLedger::Begin's.
  [[nodiscard]] absl::Status Begin(int64_t steps_done);
  void OnFiles(const std::vector<FileEntry>& files);
  // Has rank 0 write the LoRA files; false: none are asked for.
  [[nodiscard]] bool Export(int64_t steps_done);
  // Codes: the ledger's and JobRunnerHost::CommitCheckpoint's.
  // `loss_average`: behind those steps.
  [[nodiscard]] absl::Status Commit(int64_t steps_done,
                                    const MeanState& loss_average,
                                    absl::Time now);
  // Those that are more than are kept.
  void RemoveOld();
  // What was begun will not be committed. No effect where nothing was.
  void Discard();

 private:
  [[nodiscard]] CheckpointManifest MakeManifest(int64_t steps_done) const;

  RunContext* const run_;
  const Sources from_;
  bool requested_ = false;
  bool soon_ = false;
  absl::Time last_save_;
  std::string directory_;  // temporary; empty: none is open
  std::vector<FileEntry> files_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_SAVE_LOOP_H_
