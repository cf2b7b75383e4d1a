// Recognises a Wan DiT by the names and shapes of its tensors. No table of
// known sizes: what is accepted is every size of the family in model_spec.h.
#ifndef HP_COMMON_MODEL_VARIANT_H_
#define HP_COMMON_MODEL_VARIANT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/model/model_spec.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// The head sizes, which tensors do not tell.
struct HeadSizes {
  int64_t count = 0;
  int64_t width = 0;
};

// Where the file keeps one tensor of the model.
struct StoredTensor {
  std::string name;        // as the file spells it
  std::string scale_name;  // of its fp8 scale; empty: not scaled
  DType dtype = DType::kF32;
  Shape shape;
};

struct WanVariant {
  ModelSpec spec;
  // By native name; exactly WanTensors(spec).
  std::map<std::string, StoredTensor> tensors;
};

// Reads the variant out of a checkpoint's table of contents. Original and
// diffusers naming, with or without a prefix made of "diffusion_model.",
// "model.", "module.", "_orig_mod.", "transformer.", "dit." and "pipe.".
// Without `heads` a head is 128 wide.
//
// InvalidArgument (every message starts with `path`): no Wan DiT; a variant
// that is not supported, with the tensors that say so; a tensor that is
// missing, of the wrong shape (expected and found) or not part of the model; a
// dtype or a quantised form that is not read (quantised_weights.h).
[[nodiscard]] absl::StatusOr<WanVariant> DetectWanVariant(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents,
    std::optional<HeadSizes> heads);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_VARIANT_H_
