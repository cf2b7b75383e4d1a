#include "stage/wan/wan_block.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Where the two modulated sublayers' rows start in a modulation table.
constexpr int64_t kSelfAttentionRows = 0;
constexpr int64_t kFeedForwardRows = 3;

}  // namespace

SavedFields BlockSaved::Fields() {
  SavedFields fields;
  self_attention.AppendFields(&fields);
  cross_attention.AppendFields(&fields);
  feed_forward.AppendFields(&fields);
  for (at::Tensor& x : module_inputs) {
    fields.push_back({SavedGroup::kInput, &x});
  }
  return fields;
}

absl::StatusOr<WanBlock> WanBlock::Load(const LayerLoader& loader,
                                        int64_t index, AttentionBackend backend,
                                        int64_t parts) {
  const std::string prefix = absl::StrCat("blocks.", index, ".");
  WanBlock block;
  HP_ASSIGN_OR_RETURN(block.modulation_, loader.Float(prefix + "modulation"));
  HP_ASSIGN_OR_RETURN(
      block.self_attention_,
      SelfAttention::Load(loader, prefix + "self_attn.", backend, parts));
  HP_ASSIGN_OR_RETURN(block.cross_attention_,
                      CrossAttention::Load(loader, prefix, backend));
  HP_ASSIGN_OR_RETURN(block.feed_forward_,
                      FeedForward::Load(loader, prefix, parts));
  for (const ExtraModule& module : loader.spec().extra_modules) {
    if (module.after_block != index) continue;
    HP_ASSIGN_OR_RETURN(std::unique_ptr<VariantModule> loaded,
                        LoadVariantModule(loader, module));
    block.modules_.push_back(std::move(loaded));
  }
  return block;
}

BlockSaved WanBlock::EmptySaved() const {
  BlockSaved saved;
  saved.module_inputs.resize(modules_.size());
  return saved;
}

at::Tensor WanBlock::Forward(const at::Tensor& x,
                             const Conditioning& conditioning,
                             const BlockPlan& plan, BlockSaved* saved) const {
  const Modulation attention_rows =
      ModulationOf(modulation_, conditioning.t_mod, kSelfAttentionRows);
  const Modulation feed_forward_rows =
      ModulationOf(modulation_, conditioning.t_mod, kFeedForwardRows);
  const auto drop_done = [&](auto& record) {
    SavedFields done;
    record.AppendFields(&done);
    DropRecomputed(done, plan);
  };
  saved->self_attention.x = x;
  self_attention_.Restore(attention_rows, conditioning, &saved->self_attention);
  saved->cross_attention.x =
      self_attention_.Output(attention_rows, saved->self_attention);
  drop_done(saved->self_attention);
  cross_attention_.Restore(conditioning, &saved->cross_attention);
  saved->feed_forward.x = cross_attention_.Output(saved->cross_attention);
  drop_done(saved->cross_attention);
  // Kept or offloaded it is wanted whole; else Output makes it and lets it go.
  if (plan.of(SavedGroup::kFfnInner) != Fate::kRecompute) {
    feed_forward_.Restore(feed_forward_rows, &saved->feed_forward);
  }
  at::Tensor y = feed_forward_.Output(feed_forward_rows, saved->feed_forward);
  drop_done(saved->feed_forward);
  for (const auto& module : modules_) {
    saved->module_inputs.push_back(y);
    y = module->Forward(y, conditioning);
  }
  return y;
}

void WanBlock::Restore(const Conditioning& conditioning,
                       BlockSaved* saved) const {
  const Modulation attention_rows =
      ModulationOf(modulation_, conditioning.t_mod, kSelfAttentionRows);
  self_attention_.Restore(attention_rows, conditioning, &saved->self_attention);
  if (!saved->cross_attention.x.defined()) {
    saved->cross_attention.x =
        self_attention_.Output(attention_rows, saved->self_attention);
  }
  cross_attention_.Restore(conditioning, &saved->cross_attention);
  if (!saved->feed_forward.x.defined()) {
    saved->feed_forward.x = cross_attention_.Output(saved->cross_attention);
  }
  if (feed_forward_.chunks() > 1) return;  // what is missing is made by chunk
  feed_forward_.Restore(
      ModulationOf(modulation_, conditioning.t_mod, kFeedForwardRows),
      &saved->feed_forward);
}

at::Tensor WanBlock::Backward(at::Tensor d, const Conditioning& conditioning,
                              BlockSaved saved, bool need_dx) {
  for (size_t i = modules_.size(); i-- > 0;) {
    d = modules_[i]->Backward(d, saved.module_inputs[i], conditioning);
    saved.module_inputs[i].reset();
  }
  d = feed_forward_.Backward(
      d, ModulationOf(modulation_, conditioning.t_mod, kFeedForwardRows),
      std::move(saved.feed_forward));
  d = cross_attention_.Backward(d, conditioning,
                                std::move(saved.cross_attention));
  return self_attention_.Backward(
      d, ModulationOf(modulation_, conditioning.t_mod, kSelfAttentionRows),
      conditioning, std::move(saved.self_attention), need_dx);
}

void WanBlock::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  self_attention_.AppendAdapters(adapters);
  cross_attention_.AppendAdapters(adapters);
  feed_forward_.AppendAdapters(adapters);
  for (const auto& module : modules_) module->AppendAdapters(adapters);
}

}  // namespace halfpipe
