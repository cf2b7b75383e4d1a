// A SentencePiece model without SentencePiece's trainer, which is not among the
// libraries that programs bring.
#ifndef HP_CLIENT_DEMO_DEMO_TOKENIZER_H_
#define HP_CLIENT_DEMO_DEMO_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace halfpipe {

struct DemoTokenizer {
  std::string model;   // the content of a spiece.model
  int64_t pieces = 0;  // ids are below it
};

// With UMT5's special ids (padding 0, end of sequence 1, unknown 3), a piece
// for each word of the captions and for each ASCII letter, digit and sign, and
// the 256 bytes for all other text.
[[nodiscard]] DemoTokenizer MakeDemoTokenizer(
    const std::vector<std::string>& captions);

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_DEMO_TOKENIZER_H_
