// Captions that are longer than what the model reads.
#ifndef HP_STAGE_JOB_CAPTION_LENGTHS_H_
#define HP_STAGE_JOB_CAPTION_LENGTHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/metadata.h"
#include "stage/encoders/tokenizer.h"

namespace halfpipe {

// A sentence for each row (of the first few) whose caption has more than
// kPromptTokens tokens, with their number, and one for how many more there are.
// A caption that several rows have is counted once. Codes of CountTokens.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> LongCaptionWarnings(
    const Tokenizer& tokenizer, const std::vector<Sample>& rows);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_CAPTION_LENGTHS_H_
