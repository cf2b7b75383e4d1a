// What every block of a micro-batch is given besides the tokens. Constant from
// the first block to the last; no gradient flows into it.
#ifndef HP_STAGE_WAN_CONDITIONING_H_
#define HP_STAGE_WAN_CONDITIONING_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "stage/kernels/rope.h"

namespace halfpipe {

struct Conditioning {
  // One of the tensors that cross the split (SplitTensorsOf), but the tokens:
  // context and t_mod below, and what a variant adds to them.
  [[nodiscard]] at::Tensor& Split(absl::string_view name);

  at::Tensor context;        // (B, Li + Lt, D) compute dtype, image first
  int64_t image_tokens = 0;  // Li
  at::Tensor t_mod;          // (B, G, 6, D) float32, see norm.h for G
  TokenGrid grid;
  at::Tensor rope;  // (L, head_dim / 2) complex64, see rope.h
  std::map<std::string, at::Tensor, std::less<>> extra;  // a variant's own

  // The two parts of the context; ImageContext is empty without image tokens.
  [[nodiscard]] at::Tensor ImageContext() const;
  [[nodiscard]] at::Tensor TextContext() const;
};

// What one sublayer of a block takes out of the modulation: (B, G, D) float32.
struct Modulation {
  at::Tensor shift;
  at::Tensor scale;
  at::Tensor gate;
};

// table (1, 6, D) + t_mod; `first` is 0 for self attention, 3 for the feed
// forward layer.
Modulation ModulationOf(const at::Tensor& table, const at::Tensor& t_mod,
                        int64_t first);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_CONDITIONING_H_
