#include "common/wan/wan_block.h"

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
  return fields;
}

absl::StatusOr<WanBlock> WanBlock::Load(const LayerLoader& loader,
                                        int64_t index,
                                        AttentionBackend backend) {
  const std::string prefix = absl::StrCat("blocks.", index, ".");
  WanBlock block;
  HP_ASSIGN_OR_RETURN(block.modulation_, loader.Float(prefix + "modulation"));
  HP_ASSIGN_OR_RETURN(
      block.self_attention_,
      SelfAttention::Load(loader, prefix + "self_attn.", backend));
  HP_ASSIGN_OR_RETURN(block.cross_attention_,
                      CrossAttention::Load(loader, prefix, backend));
  HP_ASSIGN_OR_RETURN(block.feed_forward_, FeedForward::Load(loader, prefix));
  return block;
}

at::Tensor WanBlock::Forward(const at::Tensor& x,
                             const Conditioning& conditioning,
                             BlockSaved* saved) const {
  at::Tensor y = x;
  {
    SelfAttentionSaved scratch;
    y = self_attention_.Forward(
        y, ModulationOf(modulation_, conditioning.t_mod, kSelfAttentionRows),
        conditioning, saved ? &saved->self_attention : &scratch);
  }
  {
    CrossAttentionSaved scratch;
    y = cross_attention_.Forward(y, conditioning,
                                 saved ? &saved->cross_attention : &scratch);
  }
  FeedForwardSaved scratch;
  return feed_forward_.Forward(
      y, ModulationOf(modulation_, conditioning.t_mod, kFeedForwardRows),
      saved ? &saved->feed_forward : &scratch);
}

at::Tensor WanBlock::Backward(const at::Tensor& d,
                              const Conditioning& conditioning,
                              BlockSaved saved, bool need_dx) {
  at::Tensor dx = feed_forward_.Backward(
      d, ModulationOf(modulation_, conditioning.t_mod, kFeedForwardRows),
      saved.feed_forward);
  saved.feed_forward = {};
  dx = cross_attention_.Backward(dx, conditioning, saved.cross_attention);
  saved.cross_attention = {};
  return self_attention_.Backward(
      dx, ModulationOf(modulation_, conditioning.t_mod, kSelfAttentionRows),
      conditioning, saved.self_attention, need_dx);
}

void WanBlock::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  self_attention_.AppendAdapters(adapters);
  cross_attention_.AppendAdapters(adapters);
  feed_forward_.AppendAdapters(adapters);
}

}  // namespace halfpipe
