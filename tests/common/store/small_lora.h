// Useful for tests of LoRA files: two modules with numbers that bf16 holds
// exactly, and the base model they fit.
#ifndef HP_TESTS_COMMON_STORE_SMALL_LORA_H_
#define HP_TESTS_COMMON_STORE_SMALL_LORA_H_

#include "common/store/lora_file.h"

namespace halfpipe {

struct SmallLora {
  static constexpr const char* kQuery = "blocks.0.self_attn.q";
  static constexpr const char* kFfn = "blocks.0.ffn.2";

  std::vector<float> query_a = {1, -2, 0.5f, 3, 4, -0.25f};  // [2, 3]
  std::vector<float> query_b = {1, 2, -3, 4, 5, 6, 7, -8};   // [4, 2]
  std::vector<float> ffn_a = {2, 4};                         // [2, 1]
  std::vector<float> ffn_b = {-1, 0.5f};                     // [1, 2]
  LinearShapes base = {
      {kQuery, {3, 4}}, {"blocks.0.self_attn.k", {3, 4}}, {kFfn, {1, 1}}};

  // alpha 1 and rank 2: the scale is 1/2.
  [[nodiscard]] LoraExport Export(LoraFormat format) const {
    LoraExport lora;
    lora.format = format;
    lora.alpha = 1;
    lora.base = &base;
    lora.adapters = {{kQuery, 2, 3, 4, query_a.data(), query_b.data()},
                     {kFfn, 2, 1, 1, ffn_a.data(), ffn_b.data()}};
    return lora;
  }
};

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_STORE_SMALL_LORA_H_
