// Checkpoint folders: made under a temporary name, committed by a rename.
#ifndef HP_COORDINATOR_RUN_CHECKPOINT_LEDGER_H_
#define HP_COORDINATOR_RUN_CHECKPOINT_LEDGER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/checkpoint_manifest.h"
#include "coordinator/run/output_folder.h"
#include "coordinator/run/sample_list.h"

namespace halfpipe {

// The job runner's only way to the disk. Every call blocks on the file system.
// Codes: ResourceExhausted disk full, PermissionDenied, Unavailable.
// Not thread-safe.
class CheckpointLedger {
 public:
  virtual ~CheckpointLedger() = default;

  // Whether `output_dir` is a folder that can be written to, or could be made:
  // looks, and changes nothing. InvalidArgument says what is in the way.
  [[nodiscard]] virtual absl::Status CheckUsable(
      const std::string& /*output_dir*/) {
    return absl::OkStatus();
  }

  // Makes `output_dir`, keeps other jobs and processes out of it until Release,
  // by whatever path they come to it, and removes what an interrupted save left
  // in it: what has the name and an owner file
  // (coordinator/store/owned_folder.h). FailedPrecondition: another job or
  // process works there.
  [[nodiscard]] virtual absl::Status Prepare(const std::string& output_dir) = 0;

  virtual void Release(const std::string& /*output_dir*/) {}

  // What lies in `output_dir`; nothing where it does not exist. Reads manifests
  // and the headers of LoRA files, and changes nothing.
  [[nodiscard]] virtual absl::StatusOr<OutputContents> Look(
      const std::string& output_dir) = 0;

  // Moves checkpoints, LoRA files and curves of `output_dir` into a new folder
  // there, replaced-<date and time>, whose path it returns.
  [[nodiscard]] virtual absl::StatusOr<std::string> MoveAside(
      const std::string& output_dir, const std::vector<std::string>& paths,
      absl::Time now) = 0;

  // Makes an empty folder that the stages write their shards into.
  [[nodiscard]] virtual absl::StatusOr<std::string> Begin(
      const std::string& output_dir, int64_t steps_done) = 0;

  // Checks that the manifest's files are in `temporary` with their sizes,
  // writes the manifest, syncs, and renames the folder to
  // `output_dir`/step-<8 digits>. Returns that path. A checkpoint of that name,
  // which can only be one that was never committed, is replaced; a folder that
  // is no checkpoint is set aside.
  // DataLoss: a stage reported a file that is not there so.
  [[nodiscard]] virtual absl::StatusOr<std::string> Commit(
      const std::string& output_dir, const std::string& temporary,
      const CheckpointManifest& manifest) = 0;

  // Writes the list of samples beside a checkpoint that is not committed yet.
  [[nodiscard]] virtual absl::StatusOr<FileEntry> WriteSamples(
      const std::string& temporary, const SampleList& list) = 0;
  // NotFound: an older version, which wrote none, made the checkpoint.
  [[nodiscard]] virtual absl::StatusOr<SampleList> ReadSamples(
      const std::string& directory) = 0;

  // Takes files that were written into a committed checkpoint into its
  // manifest; the old one stays if that fails.
  [[nodiscard]] virtual absl::Status Amend(
      const std::string& directory, const CheckpointManifest& manifest) = 0;

  // Removes a folder of Begin that will not be committed; logs a failure.
  virtual void Discard(const std::string& temporary) = 0;

  // Removes a committed checkpoint; a folder that is gone is no error, and one
  // without a manifest that can be read stays, as nothing says whose it is.
  [[nodiscard]] virtual absl::Status Remove(const std::string& directory) = 0;

  // VerifyCheckpoint: reads and hashes every file.
  [[nodiscard]] virtual absl::StatusOr<CheckpointManifest> Verify(
      const std::string& directory) = 0;

  // Takes a damaged checkpoint out of the way without deleting it: the folder
  // becomes damaged-step-N, which nothing reads. An earlier one of that name
  // goes if its manifest can be read; else this one is damaged-step-N-2.
  // Returns the new path; "" for a folder that is gone.
  [[nodiscard]] virtual absl::StatusOr<std::string> SetAside(
      const std::string& directory) = 0;

  // Copies `lora.<format>.safetensors` of a checkpoint into the output folder,
  // each whole or not at all, and returns the paths. What is there and differs
  // becomes lora.<format>.step-N.safetensors or .damaged.safetensors.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::string>> Publish(
      const std::string& directory, const std::string& output_dir,
      const std::vector<std::string>& formats) = 0;
};

// On the real file system.
[[nodiscard]] std::unique_ptr<CheckpointLedger> NewFileCheckpointLedger();

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_CHECKPOINT_LEDGER_H_
