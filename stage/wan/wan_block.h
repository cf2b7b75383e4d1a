// One transformer block, forward and backward: self attention, cross attention,
// feed forward, each with its residual, and the modules that a variant has
// behind it. Source of the formulas: the Wan models'
// published code. Residual stream, matrix products and attention are in the
// compute dtype; norms, modulation, gates and rotation in float32.
#ifndef HP_STAGE_WAN_WAN_BLOCK_H_
#define HP_STAGE_WAN_WAN_BLOCK_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/activation_plan.h"
#include "stage/kernels/attention.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/cross_attention.h"
#include "stage/wan/feed_forward.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/self_attention.h"
#include "stage/wan/variant_parts.h"

namespace halfpipe {

// What a block saves for its backward, in the groups of activation_plan.h. The
// input of the block and of its second and third sublayer are fields of the
// sublayers' records.
struct BlockSaved {
  SelfAttentionSaved self_attention;
  CrossAttentionSaved cross_attention;
  FeedForwardSaved feed_forward;
  std::vector<at::Tensor> module_inputs;  // of the modules behind it, (B, L, D)

  // Every tensor, always in the same order. Pointers into this object.
  SavedFields Fields();
};

// Runs inside a TorchGuard. Not thread-safe: Backward accumulates gradients.
class WanBlock {
 public:
  // `parts`: where memory is short, the feed-forward layer goes through its
  // tokens and the attention's backward through its heads in so many turns.
  // Codes: those of the weight source.
  [[nodiscard]] static absl::StatusOr<WanBlock> Load(const LayerLoader& loader,
                                                     int64_t index,
                                                     AttentionBackend backend,
                                                     int64_t parts);

  // What Load was told of how to compute. No micro-batch is on its way.
  void Configure(AttentionBackend backend, int64_t parts) {
    self_attention_.Configure(backend, parts);
    cross_attention_.set_backend(backend);
    feed_forward_.set_chunks(parts);
  }

  // x: (B, L, D) in the compute dtype; the result too. Fills the groups of
  // `saved` that `plan` does not recompute; the others are freed as soon as the
  // forward is done with them.
  at::Tensor Forward(const at::Tensor& x, const Conditioning& conditioning,
                     const BlockPlan& plan, BlockSaved* saved) const;

  // Computes again what the sublayers' results need and `saved` lacks, from
  // what it has; its x is there. The rest is left to Backward.
  void Restore(const Conditioning& conditioning, BlockSaved* saved) const;

  // Adds the LoRA gradients of this micro-batch and returns dL/dx, or an
  // undefined tensor when `need_dx` is false. `saved` is restored; it is
  // emptied on the way.
  at::Tensor Backward(at::Tensor d, const Conditioning& conditioning,
                      BlockSaved saved, bool need_dx);

  // With room for what its modules save.
  [[nodiscard]] BlockSaved EmptySaved() const;

  // In the order of LinearsOfBlock.
  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  at::Tensor modulation_;  // (1, 6, D) float32
  SelfAttention self_attention_;
  CrossAttention cross_attention_;
  FeedForward feed_forward_;
  std::vector<std::unique_ptr<VariantModule>> modules_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_WAN_BLOCK_H_
