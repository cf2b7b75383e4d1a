// The sizes of published models, for tests only: nothing in the program depends
// on a table of sizes.
#ifndef HP_TESTS_COMMON_MODEL_PUBLISHED_SIZES_H_
#define HP_TESTS_COMMON_MODEL_PUBLISHED_SIZES_H_

#include "common/model/model_spec.h"

namespace halfpipe {

inline ModelSpec A14B(int64_t in_channels) {
  ModelSpec wan;
  wan.dim = 5120;
  wan.ffn_dim = 13824;
  wan.heads = 40;
  wan.layers = 40;
  wan.in_channels = in_channels;
  wan.out_channels = 16;
  wan.text_dim = 4096;
  wan.freq_dim = 256;
  return wan;
}

// A model that fits into a test, of the T2V kind.
inline ModelSpec TinyWan() {
  ModelSpec wan;
  wan.dim = 12;
  wan.ffn_dim = 20;
  wan.heads = 1;
  wan.layers = 2;
  wan.in_channels = 4;
  wan.out_channels = 4;
  wan.text_dim = 6;
  wan.freq_dim = 8;
  return wan;
}

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_MODEL_PUBLISHED_SIZES_H_
