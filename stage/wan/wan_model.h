// The Wan family's StageModel: a WanPart, and what its blocks are given of each
// micro-batch.
#ifndef HP_STAGE_WAN_WAN_MODEL_H_
#define HP_STAGE_WAN_WAN_MODEL_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "stage/runtime/stage_model.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/wan_part.h"

namespace halfpipe {

class WanModel : public StageModel {
 public:
  explicit WanModel(std::unique_ptr<WanPart> part) : part_(std::move(part)) {}

  [[nodiscard]] const ModelSpec& spec() const override { return part_->spec(); }

  [[nodiscard]] absl::StatusOr<at::Tensor> Embed(
      Microbatch microbatch, const MicrobatchInputs& inputs) override;
  [[nodiscard]] at::Tensor SplitTensorOf(Microbatch microbatch,
                                         absl::string_view name) override;
  [[nodiscard]] absl::Status Receive(
      Microbatch microbatch, const MicrobatchShape& shape,
      std::map<std::string, at::Tensor> tensors) override;
  [[nodiscard]] absl::StatusOr<at::Tensor> ForwardBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor x) override;
  [[nodiscard]] absl::StatusOr<at::Tensor> EvaluateBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor x) override;
  [[nodiscard]] absl::StatusOr<at::Tensor> BackwardBlocks(
      Microbatch microbatch, const BlockRange& blocks, at::Tensor d) override;

  void FetchBehind(Microbatch microbatch, int64_t block) override {
    part_->FetchBehind(microbatch, block);
  }

  [[nodiscard]] absl::StatusOr<at::Tensor> HeadForward(
      Microbatch microbatch, const at::Tensor& x) override;
  [[nodiscard]] absl::StatusOr<at::Tensor> HeadBackward(
      Microbatch microbatch, const at::Tensor& dprediction) override;

  void set_before_block(std::function<absl::Status()> before_block) override {
    part_->set_before_block(std::move(before_block));
  }

  void Forget(Microbatch microbatch) override;

  void EndStep() override { conditionings_.clear(); }

  void AbandonStep() override;

  [[nodiscard]] absl::Span<LoraAdapter* const> adapters() const override {
    return part_->adapters();
  }

  [[nodiscard]] absl::Status RefreshComputeCopies() override {
    return part_->RefreshComputeCopies();
  }

  [[nodiscard]] absl::Status ZeroGrad() override { return part_->ZeroGrad(); }

  [[nodiscard]] int64_t offloaded_bytes() const override {
    return part_->offloaded_bytes();
  }

  [[nodiscard]] int64_t TakePeakOffloadedBytes() override {
    return part_->TakePeakOffloadedBytes();
  }

  [[nodiscard]] bool CanRenew(const StageModelOptions& options) const override {
    return part_->CanRenew(options);
  }

  [[nodiscard]] absl::Status Renew(const StageModelOptions& options,
                                   const UniformSource& uniform) override;
  void Retire() override;

 private:
  std::unique_ptr<WanPart> part_;
  std::map<Microbatch, Conditioning> conditionings_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_WAN_MODEL_H_
