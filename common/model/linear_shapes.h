// The linear layers of a Wan DiT: what a LoRA can belong to.
#ifndef HP_COMMON_MODEL_LINEAR_SHAPES_H_
#define HP_COMMON_MODEL_LINEAR_SHAPES_H_

#include "common/model/model_spec.h"
#include "common/store/lora_file.h"

namespace halfpipe {

// Every linear layer inside the blocks, as exports are checked against.
[[nodiscard]] LinearShapes LinearShapesOf(const ModelSpec& model_spec);

// The same and those outside the blocks (embeddings, head): what a LoRA that
// another program trained may also hold.
[[nodiscard]] LinearShapes AllLinearShapesOf(const ModelSpec& model_spec);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_LINEAR_SHAPES_H_
