// The folder that holds a job's checkpoints: one folder a step, named
// step-00000250; what is being written or deleted has one of the names below
// that begin with ".tmp-", and is not a checkpoint.
#ifndef HP_COORDINATOR_STORE_CHECKPOINT_FOLDERS_H_
#define HP_COORDINATOR_STORE_CHECKPOINT_FOLDERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// "step-00000250".
[[nodiscard]] std::string CheckpointName(int64_t step);

// ".tmp-step-00000250": to be filled and renamed by CommitDirectory.
[[nodiscard]] std::string TemporaryCheckpointName(int64_t step);

// ".tmp-removed-step-00000250": a checkpoint that is being deleted.
[[nodiscard]] std::string RemovedCheckpointName(absl::string_view name);

// Whether it is one of these names, or one with -2, -3, ... behind it. Others'
// folders may have it, too: see owned_folder.h.
[[nodiscard]] bool IsTemporaryCheckpointName(absl::string_view name);

struct CheckpointFolder {
  int64_t step = 0;
  std::string path;
};

// The finished checkpoints under `root`, oldest first. A `root` that does not
// exist holds none. Nothing is opened or verified.
[[nodiscard]] absl::StatusOr<std::vector<CheckpointFolder>> ListCheckpoints(
    const std::string& root);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_CHECKPOINT_FOLDERS_H_
