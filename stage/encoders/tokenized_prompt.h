// A prompt as the text encoder takes it.
#ifndef HP_STAGE_ENCODERS_TOKENIZED_PROMPT_H_
#define HP_STAGE_ENCODERS_TOKENIZED_PROMPT_H_

#include <cstdint>
#include <vector>

#include "common/model/model_spec.h"

namespace halfpipe {

// Every prompt is padded or truncated to what the model takes.
inline constexpr int64_t kPromptTokens = kTextTokens;

struct TokenizedPrompt {
  // kPromptTokens ids: the text, one end-of-sequence (1), padding (0).
  std::vector<int32_t> ids;
  // The ids that are attended to, end-of-sequence included; 1..kPromptTokens.
  int64_t length = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_TOKENIZED_PROMPT_H_
