#include "stage/encoders/sentence_pieces.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"
#include "stage/sentencepiece/sentence_pieces_abi.h"

namespace halfpipe {
namespace {

constexpr char kModuleName[] = "libhalfpipe-sentencepiece.so";

// The module's functions, looked up once.
struct Module {
  decltype(&HpSentencePiecesLoad) load = nullptr;
  decltype(&HpSentencePiecesFree) free = nullptr;
  decltype(&HpSentencePiecesEncode) encode = nullptr;
  decltype(&HpSentencePiecesPadId) pad_id = nullptr;
  decltype(&HpSentencePiecesEosId) eos_id = nullptr;
  decltype(&HpSentencePiecesCount) count = nullptr;
};

template <typename Function>
bool LookUp(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

absl::StatusOr<std::string> FindModule() {
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {".", "../lib", "../bin"}) {
    const std::filesystem::path path = folder / place / kModuleName;
    if (std::filesystem::exists(path, error)) return path.string();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(kModuleName, " is neither in ", folder.string(),
                   " nor in ../lib of it: the installation is incomplete"));
}

absl::StatusOr<Module> LoadModule() {
  HP_ASSIGN_OR_RETURN(std::string path, FindModule());
  int flags = RTLD_NOW | RTLD_LOCAL;
#ifndef __SANITIZE_ADDRESS__
  // Binds the module's symbols to itself; AddressSanitizer cannot have it.
  flags |= RTLD_DEEPBIND;
#endif
  void* library = dlopen(path.c_str(), flags);
  if (library == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot load ", path, ": ", dlerror()));
  }
  Module module;
  if (LookUp(library, "HpSentencePiecesLoad", &module.load) &&
      LookUp(library, "HpSentencePiecesFree", &module.free) &&
      LookUp(library, "HpSentencePiecesEncode", &module.encode) &&
      LookUp(library, "HpSentencePiecesPadId", &module.pad_id) &&
      LookUp(library, "HpSentencePiecesEosId", &module.eos_id) &&
      LookUp(library, "HpSentencePiecesCount", &module.count)) {
    return module;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is of another version of halfpipe"));
}

const absl::StatusOr<Module>& TheModule() {
  static const absl::StatusOr<Module> module = LoadModule();
  return module;
}

using ErrorText = std::array<char, 512>;

// Of a text in an error.
constexpr size_t kMostShown = 80;

// The library's own words name its source lines; they are for the log.
absl::Status ExplainLoad(const std::string& file, absl::string_view words) {
  LogDebug("SentencePiece", {{"file", file}, {"what", words}});
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file, error);
  if (error || access(file.c_str(), R_OK) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("it cannot be read: ",
                     error ? error.message() : std::string("no permission")));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      bytes == 0 ? "it is empty" : "it is none, or damaged",
      "; is the download of google/umt5-xxl's spiece.model whole?"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SentencePieces>> SentencePieces::Load(
    const std::string& file) {
  if (!TheModule().ok()) return TheModule().status();
  ErrorText error = {};
  void* model = TheModule()->load(file.c_str(), error.data(), error.size());
  if (model == nullptr) return ExplainLoad(file, error.data());
  return std::unique_ptr<SentencePieces>(new SentencePieces(model));
}

SentencePieces::~SentencePieces() { TheModule()->free(model_); }

absl::StatusOr<std::vector<int>> SentencePieces::Encode(
    const std::string& text) const {
  ErrorText error = {};
  // Usually enough; normalisation can make a text longer.
  std::vector<int> ids(text.size() + 16);
  while (true) {
    const int count =
        TheModule()->encode(model_, text.data(), text.size(), ids.data(),
                            ids.size(), error.data(), error.size());
    if (count < 0) {
      LogWarning("SentencePiece", {{"what", error.data()}});
      return absl::InvalidArgumentError(
          absl::StrCat("the tokenizer cannot split this text into tokens: '",
                       ValidText(text.substr(0, kMostShown)),
                       text.size() > kMostShown ? "..." : "", "'"));
    }
    const bool complete = static_cast<size_t>(count) <= ids.size();
    ids.resize(static_cast<size_t>(count));
    if (complete) return ids;
  }
}

int SentencePieces::pad_id() const { return TheModule()->pad_id(model_); }

int SentencePieces::eos_id() const { return TheModule()->eos_id(model_); }

int SentencePieces::count() const { return TheModule()->count(model_); }

}  // namespace halfpipe
