#include "common/model/linear_shapes.h"

#include <string>

#include "absl/strings/strip.h"

namespace halfpipe {

LinearShapes AllLinearShapesOf(const ModelSpec& model_spec) {
  LinearShapes linears;
  for (const auto& [name, shape] : WanTensors(model_spec)) {
    absl::string_view module = name;
    if (shape.size() != 2 || !absl::ConsumeSuffix(&module, ".weight")) continue;
    linears[std::string(module)] = {.in = shape[1], .out = shape[0]};
  }
  return linears;
}

LinearShapes LinearShapesOf(const ModelSpec& model_spec) {
  LinearShapes linears = AllLinearShapesOf(model_spec);
  for (auto it = linears.begin(); it != linears.end();) {
    it = BlockOf(model_spec, it->first).has_value() ? std::next(it)
                                                    : linears.erase(it);
  }
  return linears;
}

}  // namespace halfpipe
