#include "stage/wan/feed_forward.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "stage/kernels/residual.h"

namespace halfpipe {
namespace {

// A stretch of the tokens, and of the groups of them that share a modulation.
struct TokenStretch {
  int64_t token = 0;
  int64_t tokens = 0;
  int64_t group = 0;
  int64_t groups = 0;

  [[nodiscard]] at::Tensor Of(const at::Tensor& x) const {
    return x.defined() ? x.narrow(1, token, tokens) : x;
  }

  [[nodiscard]] FeedForwardSaved Of(const FeedForwardSaved& saved) const {
    return {Of(saved.x), Of(saved.inner)};
  }

  [[nodiscard]] Modulation Of(const Modulation& modulation) const {
    const auto rows = [this](const at::Tensor& table) {
      return table.narrow(1, group, groups);
    };
    return {rows(modulation.shift), rows(modulation.scale),
            rows(modulation.gate)};
  }
};

// At most `count` chunks of about the same size, between groups if there are
// several.
std::vector<TokenStretch> Chunks(const at::Tensor& x,
                                 const Modulation& modulation, int64_t count) {
  const int64_t tokens = x.size(1);
  const int64_t groups = modulation.gate.size(1);
  const int64_t units = groups == 1 ? tokens : groups;
  const int64_t unit_tokens = tokens / units;
  const int64_t each = (units + count - 1) / count;
  std::vector<TokenStretch> chunks;
  for (int64_t unit = 0; unit < units; unit += each) {
    const int64_t size = std::min(each, units - unit);
    TokenStretch chunk{.token = unit * unit_tokens,
                       .tokens = size * unit_tokens};
    chunk.group = groups == 1 ? 0 : unit;
    chunk.groups = groups == 1 ? 1 : size;
    chunks.push_back(chunk);
  }
  return chunks;
}

}  // namespace

void FeedForwardSaved::AppendFields(SavedFields* fields) {
  fields->push_back({SavedGroup::kFfnInput, &x});
  fields->push_back({SavedGroup::kFfnInner, &inner});
}

absl::StatusOr<FeedForward> FeedForward::Load(const LayerLoader& loader,
                                              const std::string& block,
                                              int64_t chunks) {
  FeedForward layer;
  layer.chunks_ = chunks;
  HP_ASSIGN_OR_RETURN(layer.inner_, loader.Adapted({block + "ffn.0"}));
  HP_ASSIGN_OR_RETURN(layer.outer_, loader.Adapted({block + "ffn.2"}));
  return layer;
}

at::Tensor FeedForward::Normed(const at::Tensor& x,
                               const Modulation& modulation,
                               LayerNormStats* stats) const {
  at::Tensor buffer = inner_.InputBuffer(x.size(0), x.size(1));
  ModulatedLayerNorm(x, modulation.shift, modulation.scale, kWanEps, stats,
                     inner_.InputColumns(buffer));
  return buffer;
}

void FeedForward::Restore(const Modulation& modulation,
                          FeedForwardSaved* saved) const {
  if (saved->inner.defined()) return;
  LayerNormStats stats;
  saved->inner = inner_.Forward(Normed(saved->x, modulation, &stats));
}

at::Tensor FeedForward::OutputOfChunk(const Modulation& modulation,
                                      const FeedForwardSaved& saved) const {
  FeedForwardSaved whole = saved;
  Restore(modulation, &whole);
  at::Tensor activated = outer_.InputBuffer(saved.x.size(0), saved.x.size(1));
  GeluTanh(whole.inner, outer_.InputColumns(activated));
  whole.inner.reset();
  return GatedResidual(saved.x, modulation.gate, outer_.Forward(activated));
}

at::Tensor FeedForward::Output(const Modulation& modulation,
                               const FeedForwardSaved& saved) const {
  const std::vector<TokenStretch> chunks = Chunks(saved.x, modulation, chunks_);
  std::vector<at::Tensor> parts;
  parts.reserve(chunks.size());
  for (const TokenStretch& chunk : chunks) {
    parts.push_back(OutputOfChunk(chunk.Of(modulation), chunk.Of(saved)));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 1);
}

at::Tensor FeedForward::BackwardOfChunk(const at::Tensor& d,
                                        const Modulation& modulation,
                                        FeedForwardSaved saved) {
  Restore(modulation, &saved);
  const int64_t batch = d.size(0);
  const int64_t tokens = d.size(1);
  at::Tensor dinner = inner_.GradientBuffer(batch, tokens);
  {
    // One pass over inner makes gelu(inner), which is ffn.2's input, and the
    // gradient behind it; so ffn.2's own gradients come after its dx.
    at::Tensor dy = outer_.GradientBuffer(batch, tokens);
    GatedResidualBackward(d, modulation.gate, outer_.GradientColumns(dy));
    at::Tensor dactivated = outer_.InputGradient(dy);
    at::Tensor activated = outer_.InputBuffer(batch, tokens);
    GeluTanhBackward(dactivated, saved.inner, inner_.GradientColumns(dinner),
                     outer_.InputColumns(activated));
    saved.inner.reset();
    dactivated.reset();
    outer_.Backward(dy, activated, /*need_dx=*/false);
  }
  LayerNormStats stats;
  at::Tensor normed = Normed(saved.x, modulation, &stats);
  at::Tensor dnormed = inner_.Backward(dinner, normed, /*need_dx=*/true);
  return ModulatedLayerNormBackward(dnormed, saved.x, modulation.scale, stats,
                                    /*residual=*/d);
}

at::Tensor FeedForward::Backward(const at::Tensor& d,
                                 const Modulation& modulation,
                                 FeedForwardSaved saved) {
  const std::vector<TokenStretch> chunks = Chunks(d, modulation, chunks_);
  if (chunks.size() == 1) {
    return BackwardOfChunk(d, modulation, std::move(saved));
  }
  std::vector<at::Tensor> parts;
  parts.reserve(chunks.size());
  for (const TokenStretch& chunk : chunks) {
    parts.push_back(
        BackwardOfChunk(chunk.Of(d), chunk.Of(modulation), chunk.Of(saved)));
  }
  return at::cat(parts, 1);
}

void FeedForward::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  inner_.AppendAdapters(adapters);
  outer_.AppendAdapters(adapters);
}

}  // namespace halfpipe
