// The SentencePiece library behind a header of its own. Debian's
// sentencepiece_processor.h declares an absl::string_view that is not Abseil's,
// so no file may see both; this one and its .cc leave Abseil out.
#ifndef HP_COMMON_ENCODERS_SENTENCE_PIECES_H_
#define HP_COMMON_ENCODERS_SENTENCE_PIECES_H_

#include <memory>
#include <string>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}  // namespace sentencepiece

namespace halfpipe {

// A loaded SentencePiece model. Immutable, so any thread may call it.
class SentencePieces {
 public:
  // nullptr, and why in `error`, if `file` cannot be read or is no model.
  [[nodiscard]] static std::unique_ptr<SentencePieces> Load(
      const std::string& file, std::string* error);
  ~SentencePieces();

  // The ids of `text` (UTF-8) without any special token; false, and why in
  // `error`, if the library fails.
  [[nodiscard]] bool Encode(const std::string& text, std::vector<int>* ids,
                            std::string* error) const;

  // -1 where the model has none.
  [[nodiscard]] int pad_id() const;
  [[nodiscard]] int eos_id() const;

 private:
  SentencePieces();

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_ENCODERS_SENTENCE_PIECES_H_
