// Writes safetensors files, byte for byte as the format's reference library
// (safetensors 0.8 for Python) lays them out: metadata first, tensors by
// element type (widest first, see the .cc), then by name, the header padded
// with spaces to 8 bytes.
// The one difference: metadata keys are sorted, so that equal input gives
// equal bytes.
#ifndef HP_COMMON_STORE_SAFETENSORS_WRITER_H_
#define HP_COMMON_STORE_SAFETENSORS_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/dtype.h"

namespace halfpipe {

// A tensor to store. `data` is row-major, little-endian, borrowed for the call,
// and holds ElementCount(shape) * SizeOf(dtype) bytes.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  const void* data = nullptr;
};

using TensorMetadata = std::map<std::string, std::string>;

// Writes the file whole or not at all (AtomicFile). InvalidArgument for a name
// that is empty, given twice, "__metadata__" or not UTF-8, and for a negative
// size; else the codes of AtomicFile.
[[nodiscard]] absl::Status WriteSafetensors(
    const std::string& path, const std::vector<TensorToWrite>& tensors,
    const TensorMetadata& metadata);

// Takes a tensor's bytes in order, in pieces of any size.
using TensorSink = std::function<absl::Status(const void* data, size_t bytes)>;

// The same for tensors that no memory holds: `data` is null, and `produce` is
// called for each tensor in the file's order and gives all of its bytes to the
// sink. A failed status of `produce` is returned as it is, and nothing is left
// behind; Internal when it gave another number of bytes.
[[nodiscard]] absl::Status StreamSafetensors(
    const std::string& path, const std::vector<TensorToWrite>& tensors,
    const TensorMetadata& metadata,
    const std::function<absl::Status(const TensorToWrite& tensor,
                                     const TensorSink& sink)>& produce);

// The bytes WriteSafetensors would write; `data` may be null.
[[nodiscard]] absl::StatusOr<uint64_t> SafetensorsSize(
    const std::vector<TensorToWrite>& tensors, const TensorMetadata& metadata);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_SAFETENSORS_WRITER_H_
