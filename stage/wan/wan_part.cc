#include "stage/wan/wan_part.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

absl::Status StateError(Microbatch microbatch, absl::string_view problem) {
  return absl::FailedPreconditionError(
      absl::StrCat("micro-batch ", microbatch.value(), ": ", problem));
}

std::string Context(absl::string_view method, Microbatch microbatch) {
  return absl::StrCat(method, " of micro-batch ", microbatch.value());
}

std::vector<SavedTensor> Pack(BlockSaved& saved, const BlockPlan& plan) {
  std::vector<SavedTensor> tensors;
  for (const SavedField& field : saved.Fields()) {
    const bool to_host =
        field.bulky && plan.of(field.group) == Fate::kOffload &&
        field.tensor->defined() && field.tensor->is_contiguous();
    tensors.push_back({std::move(*field.tensor),
                       to_host ? Residence::kHost : Residence::kDevice});
  }
  return tensors;
}

BlockSaved Unpack(SavedTensors tensors, BlockSaved saved) {
  SavedFields fields = saved.Fields();
  HP_CHECK(fields.size() == tensors.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    *fields[i].tensor = std::move(tensors[i]);
  }
  return saved;
}

}  // namespace

absl::Status WanPart::CheckRange(const BlockRange& blocks) const {
  if (std::find(options_.blocks.begin(), options_.blocks.end(), blocks) !=
      options_.blocks.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("blocks ", ToText(blocks), " are no range of this part"));
}

int64_t WanPart::PositionOf(int64_t index) const {
  int64_t before = 0;
  for (const BlockRange& range : options_.blocks) {
    if (index < range.end) return before + index - range.begin;
    before += range.size();
  }
  HP_CHECK(false);
}

at::Tensor WanPart::RopeFor(const TokenGrid& grid) {
  at::Tensor& rope = ropes_[{grid.frames, grid.rows, grid.columns}];
  if (!rope.defined()) {
    rope = RopeTable(grid, model_spec_.head_dim(), options_.device);
  }
  return rope;
}

absl::StatusOr<Embedded> WanPart::Embed(Microbatch microbatch,
                                        const MicrobatchInputs& inputs) {
  if (!embeddings_.has_value()) {
    return StateError(microbatch, "this part has no embeddings");
  }
  if (head_states_.count(microbatch) != 0) {
    return StateError(microbatch, "embedded twice");
  }
  HP_RETURN_IF_ERROR(ShapeOfInputs(model_spec_, inputs).status());
  return TorchGuard(
      Context("embeddings", microbatch), [&]() -> absl::StatusOr<Embedded> {
        Embedded embedded = embeddings_->Forward(inputs);
        Conditioning& conditioning = embedded.conditioning;
        conditioning.rope = RopeFor(conditioning.grid);
        if (head_.has_value()) {
          head_states_[microbatch] = {embedded.time, conditioning.grid, {}};
        }
        return embedded;
      });
}

absl::StatusOr<at::Tensor> WanPart::ForwardBlock(
    Microbatch microbatch, int64_t index, const Conditioning& conditioning,
    const at::Tensor& x) {
  BlockSaved saved;
  at::Tensor y = block(index).Forward(x, conditioning, plan(index), &saved);
  HP_RETURN_IF_ERROR(store_.Put(microbatch, index, Pack(saved, plan(index))));
  return y;
}

absl::StatusOr<BlockSaved> WanPart::RestoreBlock(
    Microbatch microbatch, int64_t index, const Conditioning& conditioning) {
  // What the next blocks need comes back while this one computes.
  for (int64_t ahead = 0; ahead <= kOffloadDepth; ++ahead) {
    HP_RETURN_IF_ERROR(store_.Prefetch(microbatch, index - ahead));
  }
  HP_ASSIGN_OR_RETURN(SavedTensors tensors, store_.Take(microbatch, index));
  BlockSaved saved = Unpack(std::move(tensors), block(index).EmptySaved());
  block(index).Restore(conditioning, &saved);
  return saved;
}

absl::Status WanPart::FetchAsked() {
  if (!asked_.has_value()) return absl::OkStatus();
  const auto [microbatch, block] = *std::exchange(asked_, std::nullopt);
  return store_.Prefetch(microbatch, block);
}

absl::StatusOr<at::Tensor> WanPart::ForwardBlocks(
    Microbatch microbatch, const BlockRange& blocks,
    const Conditioning& conditioning, at::Tensor x) {
  HP_RETURN_IF_ERROR(CheckRange(blocks));
  auto it = blocks_states_.find(microbatch);
  if (it != blocks_states_.end() && it->second.open.count(blocks.begin) != 0) {
    return StateError(microbatch, "forward ran twice");
  }
  return TorchGuard(
      Context("forward", microbatch), [&]() -> absl::StatusOr<at::Tensor> {
        BlocksState& state = blocks_states_[microbatch];
        state.open.insert(blocks.begin);
        Conditioning& held = state.conditioning;
        held = conditioning;
        if (!held.rope.defined()) held.rope = RopeFor(held.grid);
        for (int64_t i = blocks.begin; i < blocks.end; ++i) {
          if (before_block_) HP_RETURN_IF_ERROR(before_block_());
          if (i + 1 == blocks.end) HP_RETURN_IF_ERROR(FetchAsked());
          HP_ASSIGN_OR_RETURN(x, ForwardBlock(microbatch, i, held, x));
        }
        return x;
      });
}

absl::StatusOr<at::Tensor> WanPart::EvaluateBlocks(Microbatch microbatch,
                                                   const BlockRange& blocks,
                                                   Conditioning conditioning,
                                                   at::Tensor x) {
  HP_RETURN_IF_ERROR(CheckRange(blocks));
  // The least that a block's forward can be told to save; it is let go at once.
  static const BlockPlan least =
      ActivationPlan::Uniform(ActivationPolicy::kRecompute, 1)[0];
  return TorchGuard(Context("evaluation", microbatch),
                    [&]() -> absl::StatusOr<at::Tensor> {
                      if (!conditioning.rope.defined()) {
                        conditioning.rope = RopeFor(conditioning.grid);
                      }
                      for (int64_t i = blocks.begin; i < blocks.end; ++i) {
                        if (before_block_) HP_RETURN_IF_ERROR(before_block_());
                        BlockSaved saved;
                        x = block(i).Forward(x, conditioning, least, &saved);
                      }
                      return x;
                    });
}

absl::StatusOr<at::Tensor> WanPart::BackwardBlocks(Microbatch microbatch,
                                                   const BlockRange& blocks,
                                                   at::Tensor d) {
  HP_RETURN_IF_ERROR(CheckRange(blocks));
  auto it = blocks_states_.find(microbatch);
  if (it == blocks_states_.end() || it->second.open.erase(blocks.begin) == 0) {
    return StateError(microbatch, "backward without forward");
  }
  const Conditioning held = it->second.conditioning;
  if (it->second.open.empty()) blocks_states_.erase(it);
  return TorchGuard(
      Context("backward", microbatch), [&]() -> absl::StatusOr<at::Tensor> {
        for (int64_t i = blocks.end; i-- > blocks.begin;) {
          if (before_block_) HP_RETURN_IF_ERROR(before_block_());
          HP_ASSIGN_OR_RETURN(BlockSaved saved,
                              RestoreBlock(microbatch, i, held));
          if (i == blocks.begin) HP_RETURN_IF_ERROR(FetchAsked());
          d = block(i).Backward(std::move(d), held, std::move(saved),
                                /*need_dx=*/i > 0);
        }
        return d;
      });
}

absl::StatusOr<at::Tensor> WanPart::HeadForward(Microbatch microbatch,
                                                const at::Tensor& x) {
  auto it = head_states_.find(microbatch);
  if (!head_.has_value() || it == head_states_.end()) {
    return StateError(microbatch, "the head needs Embed on the same part");
  }
  HeadState& state = it->second;
  return TorchGuard(
      Context("head forward", microbatch), [&]() -> absl::StatusOr<at::Tensor> {
        const KernelScope scope(KernelGroup::kHead, x.is_cuda());
        return head_->Forward(x, state.time, state.grid, &state.saved);
      });
}

absl::StatusOr<at::Tensor> WanPart::HeadBackward(
    Microbatch microbatch, const at::Tensor& dprediction) {
  auto node = head_states_.extract(microbatch);
  if (node.empty() || !node.mapped().saved.x.defined()) {
    return StateError(microbatch, "head backward without forward");
  }
  return TorchGuard(Context("head backward", microbatch),
                    [&]() -> absl::StatusOr<at::Tensor> {
                      const KernelScope scope(KernelGroup::kHead,
                                              dprediction.is_cuda());
                      return head_->Backward(dprediction, node.mapped().saved);
                    });
}

void WanPart::AbandonMicrobatches() {
  asked_.reset();
  store_.Clear();
  blocks_states_.clear();
  head_states_.clear();
}

absl::Status WanPart::RefreshComputeCopies() {
  return TorchGuard("refreshing LoRA copies", [&] {
    for (LoraAdapter* adapter : adapters_) adapter->RefreshComputeCopies();
    return absl::OkStatus();
  });
}

absl::Status WanPart::ZeroGrad() {
  return TorchGuard("clearing LoRA gradients", [&] {
    for (LoraAdapter* adapter : adapters_) adapter->ZeroGrad();
    return absl::OkStatus();
  });
}

}  // namespace halfpipe
