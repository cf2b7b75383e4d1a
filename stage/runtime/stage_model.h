// A stage's part of a model, as training sees it: whatever the model is. Of
// libtorch only the name of a tensor is here.
#ifndef HP_STAGE_RUNTIME_STAGE_MODEL_H_
#define HP_STAGE_RUNTIME_STAGE_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/model/extents.h"
#include "common/model/model_spec.h"

namespace at {
class Tensor;
}  // namespace at

namespace halfpipe {

struct LoraAdapter;
struct MicrobatchInputs;
struct StageModelOptions;

// Owns the weights of any of embeddings, ranges of blocks and head, and the
// adapters on those blocks. Forward and backward are explicit, by micro-batch.
//
// The order of calls for a micro-batch, spread over the parts in the pipeline's
// order: Embed on the first part; Receive on every other one, of what the first
// one's SplitTensorOf gave; ForwardBlocks..., HeadForward, HeadBackward,
// BackwardBlocks...; EndStep once all have gone through. An evaluation has
// EvaluateBlocks in place of ForwardBlocks and Forget in place of the backward
// passes. Micro-batches may interleave in any way.
//
// Thread rule: one thread. On CUDA, work is enqueued on the current stream and
// nothing waits but Renew. Tensors handed out are the caller's.
class StageModel {
 public:
  virtual ~StageModel() = default;

  [[nodiscard]] virtual const ModelSpec& spec() const = 0;

  // The input of the first block, x (B, L, D) in the compute dtype. What else
  // crosses to other parts is kept. InvalidArgument: an input that does not fit
  // the model; FailedPrecondition: no embeddings here, or called twice.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> Embed(
      Microbatch microbatch, const MicrobatchInputs& inputs) = 0;

  // One of the tensors that cross the split (SplitTensorsOf), but x, as Embed
  // or Receive left it; undefined before that.
  [[nodiscard]] virtual at::Tensor SplitTensorOf(Microbatch microbatch,
                                                 absl::string_view name) = 0;

  // Takes those tensors, by name, where another part embeds. InvalidArgument: a
  // shape that does not fit the model.
  [[nodiscard]] virtual absl::Status Receive(
      Microbatch microbatch, const MicrobatchShape& shape,
      std::map<std::string, at::Tensor> tensors) = 0;

  // Runs one of this part's ranges and saves what its backward needs.
  // InvalidArgument: not one of this part's ranges. FailedPrecondition: called
  // twice for a range of a micro-batch.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> ForwardBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor x) = 0;

  // The same numbers with nothing saved. InvalidArgument as above.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> EvaluateBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor x) = 0;

  // Runs it backward: adds to the adapters' gradients and frees what was saved.
  // dL/dx for the range before; undefined where no block is before this range.
  // FailedPrecondition without the forward.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> BackwardBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor d) = 0;

  // Has what a block's backward keeps outside the device brought back under the
  // last block of the next pass. No such entry: nothing happens.
  virtual void FetchBehind(Microbatch microbatch, int64_t block) = 0;

  // x (B, L, D) to the prediction (B, C, F, H, W) float32, and its gradient
  // back to dL/dx. FailedPrecondition: no head here, or Embed has not run here.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> HeadForward(
      Microbatch microbatch, const at::Tensor& x) = 0;
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> HeadBackward(
      Microbatch microbatch, const at::Tensor& dprediction) = 0;

  // Called before each block, forward and backward; where it fails, the pass
  // ends there with its status. Empty: nothing is called.
  virtual void set_before_block(std::function<absl::Status()> before_block) = 0;

  // Forgets a micro-batch that has no backward pass.
  virtual void Forget(Microbatch microbatch) = 0;
  // Forgets what is kept of micro-batches whose passes have all run.
  virtual void EndStep() = 0;
  // Forgets every micro-batch: the step was abandoned. Gradients stay.
  virtual void AbandonStep() = 0;

  // In block order over this part. Owned by it. After changing masters call
  // RefreshComputeCopies.
  [[nodiscard]] virtual absl::Span<LoraAdapter* const> adapters() const = 0;
  [[nodiscard]] virtual absl::Status RefreshComputeCopies() = 0;
  [[nodiscard]] virtual absl::Status ZeroGrad() = 0;

  // Host bytes held for offloaded activations: now, and the most at one time
  // since the last call.
  [[nodiscard]] virtual int64_t offloaded_bytes() const = 0;
  [[nodiscard]] virtual int64_t TakePeakOffloadedBytes() = 0;

  // Whether these options ask only for what Renew can change, which makes this
  // part as loading it with them would: new adapters, whose first values
  // `uniform` draws by name, nothing saved.
  // InvalidArgument: other weights would be needed. After another error the
  // part is good for nothing but renewing.
  [[nodiscard]] virtual bool CanRenew(
      const StageModelOptions& options) const = 0;
  [[nodiscard]] virtual absl::Status Renew(
      const StageModelOptions& options,
      const std::function<void(absl::string_view name, at::Tensor out)>&
          uniform) = 0;
  // Lets go of all but the weights: nothing but Renew is called next.
  virtual void Retire() = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STAGE_MODEL_H_
