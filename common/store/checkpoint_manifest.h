// manifest.json of a checkpoint folder: what was being trained, where it
// stood, and the hash of every file. docs/checkpoints.md describes the folder.
#ifndef HP_COMMON_STORE_CHECKPOINT_MANIFEST_H_
#define HP_COMMON_STORE_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/digest.h"
#include "common/base/exponential_mean.h"

namespace halfpipe {

inline constexpr char kManifestName[] = "manifest.json";

// How the job's validations have gone.
struct ValidationRecord {
  int64_t steps = 0;           // of the last one; 0: there was none
  int64_t best_steps = 0;      // of the one with the least loss; 0: none
  double best_loss = 0.0;      // its loss
  int64_t without_better = 0;  // validations since then

  friend bool operator==(const ValidationRecord&,
                         const ValidationRecord&) = default;
};

struct CheckpointManifest {
  int64_t step = 0;           // optimizer steps that are in the weights
  std::string config_digest;  // of the training config
  std::string data_digest;    // of the data set
  int64_t data_cursor = 0;    // samples consumed
  int threads = 0;            // CPU threads of each stage: part of the bits
  int split = 0;              // blocks of the first half
  int stages = 0;             // processes that wrote shards: 1 or 2
  std::vector<FileEntry> files;
  // What the config's learning rate is multiplied with from here on, 0 < x <=
  // 1: below 1 after a rollback. The file holds it only then.
  double learning_rate_factor = 1.0;
  // The file holds it only after a validation.
  ValidationRecord validation = {};
  // Of the training loss, as it is shown. The file holds it only where there
  // is one.
  MeanState loss_average = {};
  // What a later start is compared with. Empty in what an older version wrote.
  std::map<std::string, std::string> config = {};  // RecordedValues
  std::string model_digest = {};                   // of model.dit
  std::string init_digest = {};  // of lora.init_from; empty: a fresh LoRA
  std::string device = {};       // "cpu" or "cuda"
  std::string arithmetic = {};   // StageInfo's: which CPUs share bits

  // Whether the version that wrote it recorded what it was trained on.
  [[nodiscard]] bool has_record() const { return !model_digest.empty(); }

  friend bool operator==(const CheckpointManifest&,
                         const CheckpointManifest&) = default;
};

// The file's content; equal manifests give equal bytes.
[[nodiscard]] std::string ToJson(const CheckpointManifest& manifest);

// Strict: InvalidArgument names the field that is missing, unknown, of another
// type or out of range.
[[nodiscard]] absl::StatusOr<CheckpointManifest> ManifestFromJson(
    absl::string_view text);

// The entry of `folder`/`name` as it is on disk. Codes of Sha256OfFile.
[[nodiscard]] absl::StatusOr<FileEntry> DescribeFile(const std::string& folder,
                                                     const std::string& name);

// Writes `folder`/manifest.json atomically. InvalidArgument for a manifest
// that ManifestFromJson would refuse; else the codes of WriteFileAtomically.
[[nodiscard]] absl::Status WriteManifest(const std::string& folder,
                                         const CheckpointManifest& manifest);

// Reads the manifest alone. NotFound when there is none; InvalidArgument for
// one that is not valid.
[[nodiscard]] absl::StatusOr<CheckpointManifest> ReadManifest(
    const std::string& folder);

// Reads the manifest and hashes every file it lists. DataLoss names the file
// that is missing, of another size or changed; NotFound when there is no
// manifest; InvalidArgument for one that is not valid. Blocks for as long as
// reading the folder takes.
[[nodiscard]] absl::StatusOr<CheckpointManifest> VerifyCheckpoint(
    const std::string& folder);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_CHECKPOINT_MANIFEST_H_
