// A model in several safetensors files with an index: {"metadata": {...},
// "weight_map": {tensor: file}}, as the diffusers and transformers libraries
// write it (`*.safetensors.index.json`).
#ifndef HP_COMMON_STORE_SAFETENSORS_INDEX_H_
#define HP_COMMON_STORE_SAFETENSORS_INDEX_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/store/archive_contents.h"

namespace halfpipe {

// The tensors of the weight map, each from the shard it names. Shards are
// plain names in the index's own folder. NotFound names the shards that are not
// there; InvalidArgument a tensor that its shard lacks, one that is in a shard
// and nowhere in the index, or a name that leaves the folder; else the codes of
// CheckFileForm and ListSafetensors. The first shard's metadata
// stands for the model.
[[nodiscard]] absl::StatusOr<ArchiveContents> ListSafetensorsIndex(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_SAFETENSORS_INDEX_H_
