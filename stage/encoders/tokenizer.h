// Prompts to token ids: Wan's cleaning, then SentencePiece with umt5's model.
#ifndef HP_STAGE_ENCODERS_TOKENIZER_H_
#define HP_STAGE_ENCODERS_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "stage/encoders/sentence_pieces.h"
#include "stage/encoders/tokenized_prompt.h"

namespace halfpipe {

// Immutable after Load, so Tokenize may be called from any thread. Movable.
class Tokenizer {
 public:
  // `path`: a SentencePiece model (google/umt5-xxl's `spiece.model`), or a
  // folder with a file of that name. Codes: NotFound (with what is in the
  // folder instead), InvalidArgument (not a SentencePiece model, or one without
  // pad = 0 and end-of-sequence = 1).
  [[nodiscard]] static absl::StatusOr<Tokenizer> Load(const std::string& path);

  // Cleans, tokenises, appends end-of-sequence (1) and pads with 0 to
  // kPromptTokens; a longer text is cut so that end-of-sequence stays last.
  // Special tokens spelled out in a prompt ("</s>") are plain text.
  // Internal if SentencePiece fails.
  [[nodiscard]] absl::StatusOr<TokenizedPrompt> Tokenize(
      absl::string_view prompt) const;

  // Tokens of the whole prompt, end-of-sequence included: what is above
  // kPromptTokens is what Tokenize cuts. Same codes.
  [[nodiscard]] absl::StatusOr<int64_t> CountTokens(
      absl::string_view prompt) const;

  // Ids are below it.
  [[nodiscard]] int64_t vocabulary() const { return pieces_->count(); }

 private:
  explicit Tokenizer(std::unique_ptr<SentencePieces> pieces)
      : pieces_(std::move(pieces)) {}

  // The ids of the cleaned text, without end-of-sequence.
  [[nodiscard]] absl::StatusOr<std::vector<int>> Encode(
      absl::string_view prompt) const;

  std::unique_ptr<SentencePieces> pieces_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_TOKENIZER_H_
