// A model as people and programs read it: `halfpipe show model`.
#ifndef HP_COMMON_MODEL_MODEL_TEXT_H_
#define HP_COMMON_MODEL_MODEL_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/model/model_spec.h"

namespace halfpipe {

// Lines of a name and a value. A list has a line for each of its entries, of
// which only the first has the name.
[[nodiscard]] std::string ModelText(const ModelSpec& model);

// The same and every size, as an object.
[[nodiscard]] nlohmann::json ModelJson(const ModelSpec& model);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_MODEL_TEXT_H_
