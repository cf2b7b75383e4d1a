// What one stage owns of the DiT: any of embeddings, ranges of blocks, and the
// head, with the LoRA adapters on those blocks. Forward and backward are
// explicit, by micro-batch; autograd is never used.
//
// The order of calls for a micro-batch, spread over the parts in the pipeline's
// order: Embed, ForwardBlocks..., HeadForward, HeadBackward,
// BackwardBlocks.... Micro-batches may interleave in any way. On the CPU the
// results are the same bits for any cut into parts, any activation plan and
// any interleaving that keeps the order of the backward passes (one thread).
//
// Thread rule: one thread. On CUDA, work is enqueued on the current stream and
// no method waits, except Create and what is called before a block. Tensors
// handed out are the caller's.
#ifndef HP_STAGE_WAN_WAN_PART_H_
#define HP_STAGE_WAN_WAN_PART_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/dtype.h"
#include "common/base/ids.h"
#include "common/config/lora_spec.h"
#include "common/model/model_spec.h"
#include "common/plan/activation_plan.h"
#include "stage/activations/activation_store.h"
#include "stage/activations/host_copies.h"
#include "stage/kernels/attention.h"
#include "stage/lora/lora_adapter.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/embeddings.h"
#include "stage/wan/head.h"
#include "stage/wan/load_stage_model.h"
#include "stage/wan/wan_block.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {

class WanPart {
 public:
  // Loads the weights of this part, and only those. `uniform` draws the
  // adapters' first values; `source` and `uniform` are not kept. Loads the
  // CUDA libraries when the device asks for them.
  // InvalidArgument: a block range outside the model, another compute dtype,
  // LoRA targets that match nothing, fp8_compute on a GPU without such
  // products; else the codes of the weight source.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<WanPart>> Create(
      const WeightSource& source, const StageModelOptions& options,
      const UniformSource& uniform);

  // Makes this part as Create would with these options, out of the weights that
  // it has: new adapters, nothing saved, zero gradients. To the bit: a job on a
  // renewed part computes what it would on a new one.
  // InvalidArgument: other weights would be needed (CanRenew), or what Create
  // refuses. After another error the part is good for nothing but renewing.
  [[nodiscard]] absl::Status Renew(const StageModelOptions& options,
                                   const UniformSource& uniform);

  // Whether `options` ask only for what Renew can change: plan, chunks,
  // determinism, alpha.
  [[nodiscard]] bool CanRenew(const StageModelOptions& options) const;

  // Lets go of all but the weights, of pinned memory too: nothing but Renew is
  // called next.
  void Retire();

  // Embeds one micro-batch: x and the conditioning that cross to the next part
  // (its rope is made here and not sent). With `head` this part remembers the
  // time embedding until HeadBackward. InvalidArgument: an input that does not
  // fit the model; FailedPrecondition: no embeddings here, or called twice.
  [[nodiscard]] absl::StatusOr<Embedded> Embed(Microbatch microbatch,
                                               const MicrobatchInputs& inputs);

  // Runs one of this part's ranges. x: (B, L, D) compute dtype. The
  // conditioning may come from Embed or be assembled from what was received
  // (context, image_tokens, t_mod, grid); an undefined rope is filled in. It is
  // the same for every range of a micro-batch and is held until BackwardBlocks
  // of the last one that ran forward.
  // InvalidArgument: not one of this part's ranges. FailedPrecondition: called
  // twice for a range of a micro-batch.
  [[nodiscard]] absl::StatusOr<at::Tensor> ForwardBlocks(
      Microbatch microbatch, const BlockRange& blocks,
      const Conditioning& conditioning, at::Tensor x);

  // The same numbers with nothing kept for a backward pass, and nothing asked
  // of the activation plan: of a block, only its result is left.
  // InvalidArgument: not one of this part's ranges.
  [[nodiscard]] absl::StatusOr<at::Tensor> EvaluateBlocks(
      Microbatch microbatch, const BlockRange& blocks,
      Conditioning conditioning, at::Tensor x);

  // Runs it backward: adds to the adapters' gradients and frees the saved
  // state. Returns dL/dx for the range before; undefined if this one holds
  // block 0, whose input needs no gradient. InvalidArgument: not one of this
  // part's ranges. FailedPrecondition without the forward.
  [[nodiscard]] absl::StatusOr<at::Tensor> BackwardBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor d);

  // Has what a block's backward keeps outside the device brought back under the
  // last block of the next ForwardBlocks or BackwardBlocks, instead of when
  // that backward begins. No entry of that name: nothing happens.
  void FetchBehind(Microbatch microbatch, int64_t block) {
    asked_ = {microbatch, block};
  }

  // x (B, L, D) to the prediction (B, C, F, H, W) float32.
  // FailedPrecondition: no head here, or Embed has not run here.
  [[nodiscard]] absl::StatusOr<at::Tensor> HeadForward(Microbatch microbatch,
                                                       const at::Tensor& x);
  // dL/dprediction float32 to dL/dx, and forgets the micro-batch's head state.
  [[nodiscard]] absl::StatusOr<at::Tensor> HeadBackward(
      Microbatch microbatch, const at::Tensor& dprediction);

  // Called before each block, forward and backward; where it fails, the pass
  // ends there with its status. Empty: nothing is called.
  void set_before_block(std::function<absl::Status()> before_block) {
    before_block_ = std::move(before_block);
  }

  // Forgets what the head remembers of a micro-batch that has no backward pass.
  void ForgetHead(Microbatch microbatch) { head_states_.erase(microbatch); }

  // Forgets every micro-batch: the step was abandoned. Gradients stay.
  void AbandonMicrobatches();

  // The adapters in block order, within a block in the order of BlockLinears.
  // Owned by this part. After changing masters call RefreshComputeCopies.
  [[nodiscard]] absl::Span<LoraAdapter* const> adapters() const {
    return adapters_;
  }

  [[nodiscard]] absl::Status RefreshComputeCopies();
  [[nodiscard]] absl::Status ZeroGrad();

  [[nodiscard]] const ModelSpec& spec() const { return model_spec_; }

  // Host bytes held for offloaded activations: in use, or to be used again.
  [[nodiscard]] int64_t offloaded_bytes() const { return store_.host_bytes(); }

  // The most that they held at one time since the last call.
  [[nodiscard]] int64_t TakePeakOffloadedBytes() {
    return store_.TakePeakHostBytes();
  }

 private:
  // What the blocks of a micro-batch need until they have gone backward.
  struct BlocksState {
    Conditioning conditioning;
    std::set<int64_t> open;  // first blocks of the ranges in between
  };

  struct HeadState {
    at::Tensor time;  // (B, G, D) float32
    TokenGrid grid;
    HeadSaved saved;
  };

  WanPart(const ModelSpec& model_spec, const StageModelOptions& options,
          std::unique_ptr<HostCopies> copies)
      : model_spec_(model_spec), options_(options), store_(std::move(copies)) {}

  [[nodiscard]] absl::Status Load(const LayerLoader& loader);
  void MoveMastersToHost();
  // Behind the last block of a forward or backward: what FetchBehind asked for.
  [[nodiscard]] absl::Status FetchAsked();
  // The rotations of a grid; one table is kept per grid.
  at::Tensor RopeFor(const TokenGrid& grid);
  // One block forward, its saved state put away as the plan says.
  [[nodiscard]] absl::StatusOr<at::Tensor> ForwardBlock(
      Microbatch microbatch, int64_t index, const Conditioning& conditioning,
      const at::Tensor& x);
  // The complete saved state of a block.
  [[nodiscard]] absl::StatusOr<BlockSaved> RestoreBlock(
      Microbatch microbatch, int64_t index, const Conditioning& conditioning);

  [[nodiscard]] absl::Status CheckRange(const BlockRange& blocks) const;

  // Where a block of this part stands in blocks_ and in the plan.
  [[nodiscard]] int64_t PositionOf(int64_t index) const;

  [[nodiscard]] const BlockPlan& plan(int64_t index) const {
    return options_.plan[PositionOf(index)];
  }

  [[nodiscard]] WanBlock& block(int64_t index) {
    return blocks_[static_cast<size_t>(PositionOf(index))];
  }

  ModelSpec model_spec_;
  StageModelOptions options_;
  std::optional<Embeddings> embeddings_;
  std::vector<WanBlock> blocks_;
  std::optional<Head> head_;
  std::vector<LoraAdapter*> adapters_;
  ActivationStore store_;
  std::optional<std::pair<Microbatch, int64_t>> asked_;  // FetchBehind
  std::map<Microbatch, BlocksState> blocks_states_;
  std::map<Microbatch, HeadState> head_states_;
  std::map<std::vector<int64_t>, at::Tensor> ropes_;
  std::function<absl::Status()> before_block_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_WAN_PART_H_
