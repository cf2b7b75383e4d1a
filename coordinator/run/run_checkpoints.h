// The checkpoints that a run could go back to, and the one that it stands on.
#ifndef HP_COORDINATOR_RUN_RUN_CHECKPOINTS_H_
#define HP_COORDINATOR_RUN_RUN_CHECKPOINTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/run/output_folder.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"

namespace halfpipe {

// Not thread-safe.
class RunCheckpoints {
 public:
  // `all`: the committed ones, oldest first. The pointer outlives it.
  RunCheckpoints(RunContext* run, std::vector<Checkpoint> all);

  [[nodiscard]] const std::vector<Checkpoint>& all() const { return all_; }

  [[nodiscard]] std::vector<std::string> Directories() const;

  // Knows this training's digests.
  [[nodiscard]] Training* training() { return &training_; }

  // Takes the newest one that is whole and that `may` allows; none is no error.
  // What is damaged is set aside then. Codes: an unreadable one's where none is
  // whole; InvalidArgument, AlreadyExists: of another training.
  [[nodiscard]] absl::Status Choose(
      const std::function<bool(const Checkpoint&)>& may,
      const TrainingData& data);
  // For a check: the steps of the one that Choose would find.
  [[nodiscard]] absl::StatusOr<int64_t> FindWhole() const;

  // The folder of the one that was chosen; "": none.
  [[nodiscard]] const std::string& resume_from() const { return resume_from_; }

  void set_resume_from(const std::string& directory) {
    resume_from_ = directory;
  }

  // Of the newest one that counts.
  [[nodiscard]] int64_t saved_steps() const { return saved_steps_; }

  [[nodiscard]] CheckpointManifest* mutable_manifest() { return &manifest_; }

  [[nodiscard]] const CheckpointManifest& manifest() const { return manifest_; }

  // One that was found in the output folder.
  void Adopt(const Checkpoint& checkpoint);
  // Forgets those that are not `there`.
  void ForgetWhatIsGone(const std::vector<FoundCheckpoint>& there);

  void Clear() { all_.clear(); }

  // One that has its place in the output folder counts from now on. Codes:
  // JobRunnerHost::CommitCheckpoint's.
  [[nodiscard]] absl::Status Commit(const Checkpoint& checkpoint,
                                    CheckpointManifest manifest);
  // One that is kept no longer. REQUIRES: it is one of all().
  void Remove(const Checkpoint& checkpoint);
  // It was read, and is not what it was: it is set aside. False: not known.
  [[nodiscard]] bool OnDamaged(const std::string& directory,
                               const absl::Status& found);

 private:
  // The failure of a job whose every checkpoint is damaged, with the ways out.
  [[nodiscard]] absl::Status NoneIsWhole(const absl::Status& damage) const;
  // They count no more, for `keep` either.
  void SetAside(const std::vector<Checkpoint>& damaged);

  const RunContext* const run_;
  Training training_;
  std::vector<Checkpoint> all_;
  std::string resume_from_;
  int64_t saved_steps_ = 0;
  CheckpointManifest manifest_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_RUN_CHECKPOINTS_H_
