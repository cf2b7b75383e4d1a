// The folder that holds a job's checkpoints: one folder a step, named
// step-00000250; what is being written or deleted has a name beginning with
// ".tmp-" and is not a checkpoint.
#ifndef HP_COMMON_STORE_CHECKPOINT_FOLDERS_H_
#define HP_COMMON_STORE_CHECKPOINT_FOLDERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace halfpipe {

// "step-00000250".
[[nodiscard]] std::string CheckpointName(int64_t step);

// ".tmp-step-00000250": to be filled and renamed by CommitDirectory.
[[nodiscard]] std::string TemporaryCheckpointName(int64_t step);

struct CheckpointFolder {
  int64_t step = 0;
  std::string path;
};

// The finished checkpoints under `root`, oldest first. A `root` that does not
// exist holds none. Nothing is opened or verified.
[[nodiscard]] absl::StatusOr<std::vector<CheckpointFolder>> ListCheckpoints(
    const std::string& root);

// Deletes all but the newest `keep` checkpoints, and what earlier deletions
// left. A folder is renamed before its files go, so that a crash never leaves
// half a checkpoint under its name. InvalidArgument for keep < 1.
[[nodiscard]] absl::Status ApplyRetention(const std::string& root, int keep);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_CHECKPOINT_FOLDERS_H_
