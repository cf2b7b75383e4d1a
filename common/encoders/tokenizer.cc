#include "common/encoders/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/encoders/text_cleaning.h"

namespace halfpipe {
namespace {

constexpr int kPad = 0;
constexpr int kEndOfSequence = 1;
constexpr absl::string_view kModelFile = "spiece.model";

absl::StatusOr<std::string> ModelFile(const std::string& path) {
  std::error_code error;
  std::filesystem::path file = path;
  if (std::filesystem::is_directory(file, error)) {
    file /= std::string(kModelFile);
  }
  if (std::filesystem::is_regular_file(file, error)) return file.string();
  return absl::NotFoundError(absl::StrCat(
      "tokenizer '", path, "': no file '", file.string(),
      "'; give the SentencePiece model of google/umt5-xxl or its folder"));
}

}  // namespace

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string file, ModelFile(path));
  absl::StatusOr<std::unique_ptr<SentencePieces>> loaded =
      SentencePieces::Load(file);
  if (!loaded.ok()) {
    return Annotate(loaded.status(),
                    absl::StrCat("tokenizer '", file,
                                 "' cannot be used as a SentencePiece model"));
  }
  std::unique_ptr<SentencePieces> pieces = *std::move(loaded);
  if (pieces->pad_id() != kPad || pieces->eos_id() != kEndOfSequence) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tokenizer '", file, "' has padding ", pieces->pad_id(),
        " and end of sequence ", pieces->eos_id(),
        ", expected 0 and 1 as in google/umt5-xxl's spiece.model"));
  }
  return Tokenizer(std::move(pieces));
}

absl::StatusOr<TokenizedPrompt> Tokenizer::Tokenize(
    absl::string_view prompt) const {
  const std::string text = CleanPrompt(prompt);
  absl::StatusOr<std::vector<int>> encoded = pieces_->Encode(text);
  if (!encoded.ok()) return Annotate(encoded.status(), "tokenizer");
  const std::vector<int>& ids = *encoded;
  const size_t kept = std::min(ids.size(), size_t{kPromptTokens - 1});
  TokenizedPrompt result;
  result.ids.assign(ids.begin(), ids.begin() + kept);
  result.ids.push_back(kEndOfSequence);
  result.length = static_cast<int64_t>(result.ids.size());
  result.ids.resize(kPromptTokens, kPad);
  return result;
}

}  // namespace halfpipe
