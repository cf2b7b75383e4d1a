// Read access to the tensors of a checkpoint, whatever holds them: one
// safetensors file, a sharded set with an index, a folder of either, or a
// torch.save zip (.pth / .pt). No tensor library is involved: bytes go where
// the caller says.
#ifndef HP_COMMON_STORE_TENSOR_ARCHIVE_H_
#define HP_COMMON_STORE_TENSOR_ARCHIVE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"

namespace halfpipe {

// Where one tensor lies. Always contiguous and row-major.
struct ArchivedTensor {
  DType dtype = DType::kF32;
  Shape shape;
  std::string file;     // the file that holds the bytes
  uint64_t offset = 0;  // of the first byte in that file
  uint64_t bytes = 0;   // ElementCount(shape) * SizeOf(dtype)
};

// An opened checkpoint. Immutable after Open, so every method may be called
// from any thread. Holds file descriptors, maps nothing, reads only on Read.
class TensorArchive {
 public:
  virtual ~TensorArchive() = default;

  // Every tensor by name, as the file spells it.
  [[nodiscard]] virtual const std::map<std::string, ArchivedTensor>& tensors()
      const = 0;

  // The format's free text pairs (safetensors' __metadata__); empty for .pth.
  [[nodiscard]] virtual const std::map<std::string, std::string>& metadata()
      const = 0;

  // The path that was opened, for messages.
  [[nodiscard]] virtual const std::string& path() const = 0;

  // Tells these files' content from any other, also from that of the same
  // paths before or after a change; empty where that is not known.
  [[nodiscard]] virtual std::string stamp() const { return ""; }

  // Copies the bytes of `name` to `destination`, which has room for its
  // `bytes`. NotFound for an unknown name (the message lists the nearest
  // one), DataLoss for a file that ends early.
  [[nodiscard]] virtual absl::Status Read(absl::string_view name,
                                          void* destination) const = 0;

  // Copies a part of a tensor: `bytes` from `offset` within it.
  [[nodiscard]] virtual absl::Status ReadRange(absl::string_view name,
                                               uint64_t offset, uint64_t bytes,
                                               void* destination) const = 0;
};

// Opens a file or a folder. In a folder: `*.safetensors.index.json` if there
// is one, else all `*.safetensors`, else a single `*.pth` / `*.pt` / `*.bin` or
// all parts of one by their names (CheckShardsAreComplete).
// Every header is checked against the file's size before anything is believed:
// InvalidArgument or DataLoss name the file, the tensor and what is wrong.
[[nodiscard]] absl::StatusOr<std::unique_ptr<TensorArchive>> OpenTensorArchive(
    const std::string& path);

// "; of its folders there is X and Y": those with weights in them; "" where
// there is none, or `folder` is a file.
[[nodiscard]] std::string FoldersWithWeightsHint(const std::string& folder);

// By the numbers in the names of a model's parts ("model-00001-of-00003"): OK
// unless the names of `files` (paths, in one folder) say that there are more
// parts than these. NotFound names those that are missing, and a download of
// one that has not ended. Names without such numbers say nothing.
[[nodiscard]] absl::Status CheckShardsAreComplete(
    const std::vector<std::string>& files);

// "; it is part 1 of 6 of a model: name the folder DIR" for the path of a file
// with such a name; else empty.
[[nodiscard]] std::string PartHint(absl::string_view path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_TENSOR_ARCHIVE_H_
