#include "stage/wan/wan_model.h"

#include "common/base/status.h"
#include "stage/wan/boundary.h"

namespace halfpipe {

absl::StatusOr<at::Tensor> WanModel::Embed(Microbatch microbatch,
                                           const MicrobatchInputs& inputs) {
  HP_ASSIGN_OR_RETURN(Embedded embedded, part_->Embed(microbatch, inputs));
  conditionings_[microbatch] = std::move(embedded.conditioning);
  return std::move(embedded.x);
}

at::Tensor WanModel::SplitTensorOf(Microbatch microbatch,
                                   absl::string_view name) {
  return conditionings_[microbatch].Split(name);
}

absl::Status WanModel::Receive(Microbatch microbatch,
                               const MicrobatchShape& shape,
                               std::map<std::string, at::Tensor> tensors) {
  HP_ASSIGN_OR_RETURN(const TokenCounts counts, CountTokens(spec(), shape));
  Conditioning& conditioning = conditionings_[microbatch];
  conditioning.image_tokens = shape.image_tokens;
  conditioning.grid = {counts.frames, counts.rows, counts.columns};
  for (auto& [name, tensor] : tensors) {
    conditioning.Split(name) = std::move(tensor);
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> WanModel::ForwardBlocks(Microbatch microbatch,
                                                   const BlockRange& blocks,
                                                   at::Tensor x) {
  return part_->ForwardBlocks(microbatch, blocks, conditionings_[microbatch],
                              std::move(x));
}

absl::StatusOr<at::Tensor> WanModel::EvaluateBlocks(Microbatch microbatch,
                                                    const BlockRange& blocks,
                                                    at::Tensor x) {
  return part_->EvaluateBlocks(microbatch, blocks, conditionings_[microbatch],
                               std::move(x));
}

absl::StatusOr<at::Tensor> WanModel::BackwardBlocks(Microbatch microbatch,
                                                    const BlockRange& blocks,
                                                    at::Tensor d) {
  return part_->BackwardBlocks(microbatch, blocks, std::move(d));
}

absl::StatusOr<at::Tensor> WanModel::HeadForward(Microbatch microbatch,
                                                 const at::Tensor& x) {
  return part_->HeadForward(microbatch, x);
}

absl::StatusOr<at::Tensor> WanModel::HeadBackward(
    Microbatch microbatch, const at::Tensor& dprediction) {
  return part_->HeadBackward(microbatch, dprediction);
}

void WanModel::Forget(Microbatch microbatch) {
  conditionings_.erase(microbatch);
  part_->ForgetHead(microbatch);
}

void WanModel::AbandonStep() {
  part_->AbandonMicrobatches();
  conditionings_.clear();
}

absl::Status WanModel::Renew(const StageModelOptions& options,
                             const UniformSource& uniform) {
  conditionings_.clear();
  return part_->Renew(options, uniform);
}

void WanModel::Retire() {
  conditionings_.clear();
  part_->Retire();
}

}  // namespace halfpipe
