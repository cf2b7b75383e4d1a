// What lies in a job's output folder, and whether the job may go on with it or
// write over it.
#ifndef HP_COORDINATOR_RUN_OUTPUT_FOLDER_H_
#define HP_COORDINATOR_RUN_OUTPUT_FOLDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "common/store/checkpoint_manifest.h"

namespace halfpipe {

// A checkpoint folder; its files were not read.
struct FoundCheckpoint {
  Checkpoint checkpoint;
  absl::StatusOr<CheckpointManifest> manifest;
};

// A lora.<format>.safetensors in the folder itself. Its metadata say which
// training it is of; empty and 0 where they do not. One that cannot be read is
// no LoRA to anybody.
struct FoundLora {
  std::string path;
  std::string config_digest = {};
  int64_t steps = 0;
  bool readable = true;  // as a safetensors file
};

struct OutputContents {
  std::vector<FoundCheckpoint> checkpoints;  // oldest first
  std::vector<FoundLora> loras;
  // Folders of curves that a stage has made (stage/curves/curve_folder.h).
  std::vector<std::string> curves = {};
};

// What that means for a job.
struct FolderJudgement {
  // Checkpoints of this training that the job can go on from, oldest first;
  // newer ones whose manifest cannot be read are among them, to be set aside.
  std::vector<FoundCheckpoint> own;
  // What the job would overwrite: another training's, this one's with more
  // steps than the job is to have, and damaged ones where there is no other.
  // Empty: nothing is in the way.
  std::vector<std::string> in_the_way;
  // Why they are, one line each.
  std::vector<std::string> reasons;
  // train.steps of the newest own checkpoint's job, where it is known.
  std::optional<int64_t> steps_before;
};

// Whether what could not be read will not get better; else it may.
[[nodiscard]] bool IsDamage(const absl::Status& status);

// Knows the digests of one training: this config, with any number of steps.
// Not thread-safe.
class Training {
 public:
  Training(const JobConfig& config, std::string digest);

  // The train.steps that the manifest's job had; nullopt: another training.
  [[nodiscard]] std::optional<int64_t> StepsOf(
      const CheckpointManifest& manifest);
  [[nodiscard]] std::optional<int64_t> StepsOf(const FoundLora& lora);

  // What differs from the manifest's job, one line.
  [[nodiscard]] std::string Difference(
      const CheckpointManifest& manifest) const;

 private:
  [[nodiscard]] std::optional<int64_t> StepsOfDigest(const std::string& digest,
                                                     int64_t likely);

  const JobConfig config_;
  const std::string digest_;
  std::map<std::string, std::optional<int64_t>> known_;  // by digest
};

[[nodiscard]] FolderJudgement JudgeFolder(const OutputContents& contents,
                                          const JobConfig& config,
                                          Training* training);

// The refusal of a job that something is in the way of; InvalidArgument.
[[nodiscard]] absl::Status InTheWayError(const std::string& output_dir,
                                         const FolderJudgement& judgement);

// What to say of a job that goes on with another number of steps than its
// checkpoint's had: "" where that changes nothing else.
[[nodiscard]] std::string StepsNotice(const JobConfig& config,
                                      int64_t steps_before, int64_t steps_done);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_OUTPUT_FOLDER_H_
