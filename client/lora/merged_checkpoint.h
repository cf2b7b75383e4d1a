// A base model with a LoRA added to its weights, as files.
#ifndef HP_CLIENT_LORA_MERGED_CHECKPOINT_H_
#define HP_CLIENT_LORA_MERGED_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/lora_file.h"

namespace halfpipe {

struct MergeOptions {
  std::string base;    // a DiT: a file or a folder
  std::string output;  // NAME.safetensors, or a folder that is not there yet
  double strength = 1.0;
  // Of one file in a folder; what people split such models by.
  int64_t shard_bytes = int64_t{5'000'000'000};
  int threads = 1;
  // Asked every few MiB; true ends the work with Cancelled. May be empty.
  std::function<bool()> stop = {};
  // Called after each file with its name. May be empty.
  std::function<void(const std::string&)> on_file = {};
};

struct MergeResult {
  size_t modules = 0;      // that the LoRA was added to: all of it
  size_t differences = 0;  // of whole tensors, likewise
  size_t tensors = 0;      // in the new checkpoint: those of the base
  uint64_t bytes = 0;      // of their values
  std::vector<std::string> files = {};
};

// weight + strength * scale * B A for every module of `lora` and tensor +
// strength * difference for every difference, summed in float32 and rounded to
// the dtype that the base has; every other tensor is copied. Names, dtypes and
// metadata are the base's. The output appears whole or not at all: a file by
// rename, a folder (shards, their index, the base's config.json) by one rename
// too. Holds some MiB of the base at a time.
//
// InvalidArgument: modules or differences that the base does not have or of
// other sizes (all of them), a weight that is not F32, BF16 or F16, an output
// that exists as a folder or is the base. ResourceExhausted before anything is
// written when the disk has no room. Cancelled: `stop` said so. Else
// OpenWanCheckpoint's codes.
[[nodiscard]] absl::StatusOr<MergeResult> WriteMergedCheckpoint(
    const LoraFile& lora, const MergeOptions& options);

// Adds strength * scale * (B A)[first_row, first_row + rows) to `weight`,
// `rows` rows of lora.in floats. Sums over the rank are float32, in the order
// of the rank, whatever `threads` is. REQUIRES: the rows are within lora.out.
void AddLoraRows(const LoraModule& lora, double strength, int64_t first_row,
                 int64_t rows, int threads, float* weight);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_MERGED_CHECKPOINT_H_
