// The safetensors format: 8 bytes of header length (little-endian), a JSON
// header {name: {dtype, shape, data_offsets}, "__metadata__": {...}}, then the
// tensors' bytes without gaps. Source: the format's specification in
// https://github.com/huggingface/safetensors (README, "Format").
#ifndef HP_COMMON_STORE_SAFETENSORS_FILE_H_
#define HP_COMMON_STORE_SAFETENSORS_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/archive_contents.h"

namespace halfpipe {

// Headers above this are refused, as every other reader does.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Checks a header against the file that holds it and returns what it lists
// (`files` stays empty). `header` is the JSON alone; the data starts behind it
// at 8 + header.size() and ends at `file_bytes`. Pure: safe on any bytes.
// InvalidArgument names `path`, the tensor and what is wrong; DataLoss when
// the file is shorter than its header says.
[[nodiscard]] absl::StatusOr<ArchiveContents> ParseSafetensorsHeader(
    absl::string_view header, uint64_t file_bytes, const std::string& path);

// Opens one file and reads its header. Codes: those above and of
// RandomAccessFile::Open.
[[nodiscard]] absl::StatusOr<ArchiveContents> ListSafetensors(
    const std::string& path);

// Of a model in several files with an index, {"metadata": {...}, "weight_map":
// {tensor: file}}, as the diffusers and transformers libraries write it
// (`*.safetensors.index.json`): the tensors of the weight map, each from the
// shard it names. Shards are plain names in the index's own folder. NotFound
// names the shards that are not there; InvalidArgument a tensor that its shard
// lacks, one that is in a shard and nowhere in the index, or a name that leaves
// the folder; else the codes of CheckFileForm and ListSafetensors. The first
// shard's metadata stands for the model.
[[nodiscard]] absl::StatusOr<ArchiveContents> ListSafetensorsIndex(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_SAFETENSORS_FILE_H_
