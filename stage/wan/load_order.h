// The order in which a part of the model asks for its tensors, so that they can
// be read ahead. Free of libtorch.
#ifndef HP_STAGE_WAN_LOAD_ORDER_H_
#define HP_STAGE_WAN_LOAD_ORDER_H_

#include <string>
#include <vector>

#include "common/model/model_spec.h"

namespace halfpipe {

// What one stage owns.
struct PartContent {
  bool embeddings = false;
  bool head = false;
  std::vector<BlockRange> blocks = {};
};

// Native names, each once: embeddings, blocks, head. Of a block the small
// tensors come first, so that none of them waits behind a matrix.
[[nodiscard]] std::vector<std::string> LoadOrder(const ModelSpec& model_spec,
                                                 const PartContent& content);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_LOAD_ORDER_H_
