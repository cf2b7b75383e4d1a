// The file is a message of protobuf, sentencepiece_model.proto; so little of it
// is needed that its bytes are put together here.
#include "client/demo/demo_tokenizer.h"

#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace halfpipe {
namespace {

// Kinds of fields on the wire.
enum class Wire : uint64_t { kVarint = 0, kBytes = 2, kFixed32 = 5 };

enum class PieceType : uint64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kByte = 6
};

// How SentencePiece writes a blank.
constexpr absl::string_view kBlank = "\u2581";

// Logarithms of how likely a piece is: of the ways to spell a text the best sum
// wins, so that a known word is never taken apart.
constexpr float kWordScore = -5.0F, kSignScore = -8.0F;

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) {
    out->push_back(static_cast<char>(value | 0x80));
  }
  out->push_back(static_cast<char>(value));
}

void AppendTag(int field, Wire wire, std::string* out) {
  AppendVarint(
      (static_cast<uint64_t>(field) << 3) | static_cast<uint64_t>(wire), out);
}

void AppendNumber(int field, uint64_t value, std::string* out) {
  AppendTag(field, Wire::kVarint, out);
  AppendVarint(value, out);
}

void AppendBytes(int field, absl::string_view value, std::string* out) {
  AppendTag(field, Wire::kBytes, out);
  AppendVarint(value.size(), out);
  absl::StrAppend(out, value);
}

void AppendFloat(int field, float value, std::string* out) {
  AppendTag(field, Wire::kFixed32, out);
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  for (int shift = 0; shift < 32; shift += 8) {
    out->push_back(static_cast<char>((bits >> shift) & 0xFF));
  }
}

class Vocabulary {
 public:
  void Add(absl::string_view text, float score, PieceType type) {
    std::string piece;
    AppendBytes(1, text, &piece);
    AppendFloat(2, score, &piece);
    AppendNumber(3, static_cast<uint64_t>(type), &piece);
    AppendBytes(1, piece, &model_);
    ++count_;
  }

  // Ids 0 to 3, in this order.
  void AddSpecialPieces() {
    Add("<pad>", 0.0F, PieceType::kControl);
    Add("</s>", 0.0F, PieceType::kControl);
    Add("<s>", 0.0F, PieceType::kControl);
    Add("<unk>", 0.0F, PieceType::kUnknown);
  }

  // What the trainer writes of itself: a unigram model, bytes for unknown
  // characters, the special ids. The text's own normalisation is left out.
  [[nodiscard]] std::string Finish() && {
    constexpr uint64_t kUnigram = 1;
    std::string trainer;
    AppendNumber(3, kUnigram, &trainer);
    AppendNumber(4, static_cast<uint64_t>(count_), &trainer);
    AppendNumber(35, 1, &trainer);  // byte_fallback
    AppendNumber(40, 3, &trainer);  // unknown
    AppendNumber(41, 2, &trainer);  // begin of sequence
    AppendNumber(42, 1, &trainer);  // end of sequence
    AppendNumber(43, 0, &trainer);  // padding
    AppendBytes(2, trainer, &model_);
    std::string normalizer;
    AppendBytes(1, "identity", &normalizer);
    AppendBytes(3, normalizer, &model_);
    return std::move(model_);
  }

  [[nodiscard]] int64_t count() const { return count_; }

 private:
  std::string model_;
  int64_t count_ = 0;
};

}  // namespace

DemoTokenizer MakeDemoTokenizer(const std::vector<std::string>& captions) {
  Vocabulary vocabulary;
  vocabulary.AddSpecialPieces();
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.Add(absl::StrFormat("<0x%02X>", byte), 0.0F, PieceType::kByte);
  }
  vocabulary.Add(kBlank, kSignScore, PieceType::kNormal);
  for (char sign = '!'; sign <= '~'; ++sign) {
    vocabulary.Add(absl::string_view(&sign, 1), kSignScore, PieceType::kNormal);
  }
  std::set<std::string> words;
  for (const std::string& caption : captions) {
    for (const absl::string_view word :
         absl::StrSplit(caption, absl::ByAnyChar(" ,.:;"), absl::SkipEmpty())) {
      words.insert(absl::StrCat(kBlank, word));
    }
  }
  for (const std::string& word : words) {
    vocabulary.Add(word, kWordScore, PieceType::kNormal);
  }
  const int64_t pieces = vocabulary.count();
  return {.model = std::move(vocabulary).Finish(), .pieces = pieces};
}

}  // namespace halfpipe
