// A SentencePiece model, through the module that keeps the library's symbols
// to itself (sentence_pieces_abi.h).
#ifndef HP_STAGE_ENCODERS_SENTENCE_PIECES_H_
#define HP_STAGE_ENCODERS_SENTENCE_PIECES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace halfpipe {

// A loaded SentencePiece model. Immutable, so any thread may call it.
class SentencePieces {
 public:
  // Loads the module on the first call: libhalfpipe-sentencepiece.so beside
  // the program, in ../lib or in ../bin. FailedPrecondition when it is not
  // there; InvalidArgument if `file` cannot be read or is no model.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SentencePieces>> Load(
      const std::string& file);
  ~SentencePieces();
  SentencePieces(const SentencePieces&) = delete;
  SentencePieces& operator=(const SentencePieces&) = delete;

  // The ids of `text` (UTF-8) without any special token. InvalidArgument if the
  // library fails.
  [[nodiscard]] absl::StatusOr<std::vector<int>> Encode(
      const std::string& text) const;

  // -1 where the model has none.
  [[nodiscard]] int pad_id() const;
  [[nodiscard]] int eos_id() const;

  // How many pieces there are: ids are below it.
  [[nodiscard]] int count() const;

 private:
  explicit SentencePieces(void* model) : model_(model) {}

  void* model_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_SENTENCE_PIECES_H_
