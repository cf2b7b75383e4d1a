// The training that a job finds in its output folder, and whether it may go on
// with it: the same weights, the same data.
#ifndef HP_COORDINATOR_RUN_FOUND_TRAINING_H_
#define HP_COORDINATOR_RUN_FOUND_TRAINING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/run/output_folder.h"
#include "coordinator/run/run_checkpoints.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/training_data.h"

namespace halfpipe {

// Not thread-safe.
class FoundTraining {
 public:
  // The pointers outlive it.
  FoundTraining(RunContext* run, RunCheckpoints* checkpoints,
                TrainingData* data)
      : run_(run), checkpoints_(checkpoints), data_(data) {}

  // Adopts the checkpoints of this training that lie in the folder, once.
  // InvalidArgument: another job's are in the way.
  [[nodiscard]] absl::Status TakeFolder(absl::Time now);

  // It has been taken.
  [[nodiscard]] bool has_folder() const { return has_folder_; }

  // Whether the job trains what its newest checkpoint was trained on, as far as
  // the scan shows it. With other weights or data and --replace it begins anew.
  [[nodiscard]] absl::Status CheckContent(absl::Time now);
  // What another number of steps than before changes, where it goes on `from`;
  // said once.
  void LogStepsChange(int64_t from);

  // The folder of the newest checkpoint; "": there was none.
  [[nodiscard]] std::string directory() const {
    return newest_.has_value() ? newest_->checkpoint.directory : "";
  }

 private:
  [[nodiscard]] absl::Status JudgeAndAdopt(absl::Time now);
  // `curves`: of the same training, where nothing else of it stays.
  [[nodiscard]] absl::Status MakeWay(std::vector<std::string> paths,
                                     const std::vector<std::string>& curves,
                                     absl::Time now);
  // The checkpoints and LoRA files in the folder make way.
  [[nodiscard]] absl::Status BeginAnew(absl::Time now);

  RunContext* const run_;
  RunCheckpoints* const checkpoints_;
  TrainingData* const data_;
  bool has_folder_ = false;
  std::optional<FoundCheckpoint> newest_;  // own, as the folder had it
  std::optional<int64_t> steps_before_;    // its train.steps, until it is said
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_FOUND_TRAINING_H_
