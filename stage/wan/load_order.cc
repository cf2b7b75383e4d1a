#include "stage/wan/load_order.h"

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

using TensorShapes = std::map<std::string, Shape>;

void AppendBlock(const ModelSpec& wan, const TensorShapes& tensors,
                 int64_t index, std::vector<std::string>* order) {
  const std::string block = absl::StrCat("blocks.", index, ".");
  std::vector<std::string> linears;
  for (const std::string& linear : LinearsOfBlock(wan, index)) {
    for (const char* part : {".weight", ".bias"}) {
      if (tensors.contains(linear + part)) linears.push_back(linear + part);
    }
  }
  const std::set<std::string> known(linears.begin(), linears.end());
  for (auto it = tensors.lower_bound(block);
       it != tensors.end() && absl::StartsWith(it->first, block); ++it) {
    if (!known.contains(it->first)) order->push_back(it->first);
  }
  for (const ExtraModule& module : wan.extra_modules) {
    if (module.after_block != index) continue;
    for (const auto& [name, shape] : module.tensors) {
      if (!known.contains(module.prefix + name)) {
        order->push_back(module.prefix + name);
      }
    }
  }
  order->insert(order->end(), linears.begin(), linears.end());
}

}  // namespace

std::vector<std::string> LoadOrder(const ModelSpec& model_spec,
                                   const PartContent& content) {
  const TensorShapes tensors = WanTensors(model_spec);
  std::vector<std::string> order;
  std::vector<std::string> head;
  for (const auto& [name, shape] : tensors) {
    if (BlockOf(model_spec, name).has_value()) continue;
    if (absl::StartsWith(name, "head.")) {
      if (content.head) head.push_back(name);
    } else if (content.embeddings) {
      order.push_back(name);
    }
  }
  for (const BlockRange& range : content.blocks) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      AppendBlock(model_spec, tensors, i, &order);
    }
  }
  order.insert(order.end(), head.begin(), head.end());
  return order;
}

}  // namespace halfpipe
