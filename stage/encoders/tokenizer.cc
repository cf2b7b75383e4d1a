#include "stage/encoders/tokenizer.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/store/file_form.h"
#include "stage/encoders/text_cleaning.h"

namespace halfpipe {
namespace {

constexpr int kPad = 0;
constexpr int kEndOfSequence = 1;
constexpr absl::string_view kModelFile = "spiece.model";

// So far a folder is looked through for the model's file.
constexpr int kDeepest = 3;
constexpr int kMostEntries = 10'000;

// google/umt5-xxl's has 4.5 MB; the library reads a file whole.
constexpr uint64_t kLargestModel = uint64_t{1} << 28;

// Where in `folder` the model's file is; empty: nowhere.
std::string FindModelFile(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(
      folder, std::filesystem::directory_options::skip_permission_denied,
      error);
  const std::filesystem::recursive_directory_iterator end;
  for (int seen = 0; !error && it != end && seen < kMostEntries;
       it.increment(error), ++seen) {
    if (it.depth() >= kDeepest) it.disable_recursion_pending();
    if (it->path().filename().string() == kModelFile) {
      return it->path().string();
    }
  }
  return "";
}

// What is wrong with a folder that does not hold the model's file.
absl::Status NotInFolder(const std::filesystem::path& folder) {
  const std::string deeper = FindModelFile(folder);
  std::error_code ignored;
  std::string hint =
      absl::StrCat("give google/umt5-xxl's ", kModelFile, " or its folder");
  if (!deeper.empty()) {
    hint = absl::StrCat("write ", deeper, ", which is there");
  } else if (std::filesystem::exists(folder / "tokenizer.json", ignored)) {
    hint = absl::StrCat("a tokenizer.json is not read: put google/umt5-xxl's ",
                        kModelFile, " beside it");
  }
  return absl::NotFoundError(absl::StrCat("the tokenizer's folder ",
                                          folder.string(), " holds no ",
                                          kModelFile, ": ", hint));
}

absl::StatusOr<std::string> ModelFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::path given = path;
  if (!std::filesystem::is_directory(given, error)) return path;
  std::filesystem::path file = given / std::string(kModelFile);
  // A link to nothing is there, and is named as such; so is a folder that may
  // not be entered.
  if (!std::filesystem::is_symlink(file, error) &&
      !std::filesystem::exists(file, error) && !error) {
    return NotInFolder(given);
  }
  return file.string();
}

absl::Status NoSentencePieces(const std::string& file) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, " is no SentencePiece model: give google/umt5-xxl's ",
                   kModelFile, ", and download it again if this is it"));
}

// What the library would say of other files is not fit to be read.
absl::Status CheckIsNoOtherFile(const std::string& file) {
  HP_RETURN_IF_ERROR(CheckHasContent(file));
  const DescribedFile found = DescribeFile(file);
  std::error_code ignored;
  if (std::filesystem::file_size(file, ignored) > kLargestModel) {
    return NoSentencePieces(file);
  }
  if (found.form == FileForm::kOther) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(file, " ", found.text,
                   "; the tokenizer is google/umt5-xxl's ", kModelFile));
}

}  // namespace

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string file, ModelFile(path));
  HP_RETURN_IF_ERROR(CheckIsNoOtherFile(file));
  absl::StatusOr<std::unique_ptr<SentencePieces>> loaded =
      SentencePieces::Load(file);
  if (absl::IsInvalidArgument(loaded.status())) {
    LogWarning("the tokenizer's library refuses a file",
               {{"file", file}, {"reason", loaded.status().message()}});
    return NoSentencePieces(file);
  }
  if (!loaded.ok()) return Annotate(loaded.status(), file);
  std::unique_ptr<SentencePieces> pieces = *std::move(loaded);
  if (pieces->pad_id() != kPad || pieces->eos_id() != kEndOfSequence) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " has padding ", pieces->pad_id(), " and end of sequence ",
        pieces->eos_id(),
        ", expected 0 and 1 as in google/umt5-xxl's spiece.model"));
  }
  return Tokenizer(std::move(pieces));
}

absl::StatusOr<std::vector<int>> Tokenizer::Encode(
    absl::string_view prompt) const {
  absl::StatusOr<std::vector<int>> ids = pieces_->Encode(CleanPrompt(prompt));
  if (!ids.ok()) return Annotate(ids.status(), "tokenizer");
  return ids;
}

absl::StatusOr<int64_t> Tokenizer::CountTokens(absl::string_view prompt) const {
  HP_ASSIGN_OR_RETURN(const std::vector<int> ids, Encode(prompt));
  return static_cast<int64_t>(ids.size()) + 1;
}

absl::StatusOr<TokenizedPrompt> Tokenizer::Tokenize(
    absl::string_view prompt) const {
  HP_ASSIGN_OR_RETURN(const std::vector<int> ids, Encode(prompt));
  const size_t kept = std::min(ids.size(), size_t{kPromptTokens - 1});
  TokenizedPrompt result;
  result.ids.assign(ids.begin(), ids.begin() + kept);
  result.ids.push_back(kEndOfSequence);
  result.length = static_cast<int64_t>(result.ids.size());
  result.ids.resize(kPromptTokens, kPad);
  return result;
}

}  // namespace halfpipe
