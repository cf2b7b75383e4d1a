// The text part of the goldens.
#ifndef HP_TESTS_STAGE_ENCODERS_TEXT_GOLDEN_H_
#define HP_TESTS_STAGE_ENCODERS_TEXT_GOLDEN_H_

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "stage/encoders/golden_file.h"

namespace halfpipe {

// {"prompts": [{"prompt", "cleaned", "ids"}], "misread": [{"prompt",
// "cleaned"}]}
inline nlohmann::json ReadTextGolden() {
  std::ifstream file(GoldenPath("text.json"));
  return nlohmann::json::parse(file);
}

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_ENCODERS_TEXT_GOLDEN_H_
