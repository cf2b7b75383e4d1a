#include "common/plan/block_model.h"

#include <algorithm>

namespace halfpipe {
namespace {

constexpr int64_t kBf16Bytes = 2;  // bf16
constexpr int64_t kFp32Bytes = 4;
// A LoRA parameter's gradient and its copy in bf16.
constexpr int64_t kGradientBytes = 6;
// Attention's backward does five products to the forward's two.
constexpr double kAttentionBackwardRatio = 2.5;

// Numbers of elements that a token's fused kernels read and write: one D is one
// pass over a (tokens, dim) tensor. Per token: `dims` * D + `ffns` * F.
struct Passes {
  double dims = 0.0;
  double ffns = 0.0;
};

// Norms 2 each, q and k norm and rotation 4, cross q 2, three residuals 3 each,
// gelu 2 F; LoRA's A reads its input: 5 D and F.
constexpr Passes kForwardPasses = {26.0, 3.0};
// Made again: 12 D and 2 F; gradients of norms, gates, rotation and gelu: 25 D
// and 3 F; LoRA's gradients read inputs and output gradients: 12 D and 2 F.
constexpr Passes kBackwardPasses = {49.0, 7.0};
// LoRA's narrow products and the reductions of norms reach about two thirds of
// the rate of a plain pass (bench/README.md, 5.6 ms for 3.7 of plain passes).
constexpr double kBackwardSlowdown = 1.5;
// Block after block a card settles at a lower clock than in the seconds that
// rates are measured in, the more so while its neighbour works too: 106.8 ms to
// 101.7 on an H200.
constexpr double kSteadySlowdown = 1.06;
// Results that are made in parts are put together: 2 D each way for the
// feed-forward layer, 6 D for the gradients of q, k and v.
constexpr Passes kForwardPartsPasses = {2.0, 0.0};
constexpr Passes kBackwardPartsPasses = {8.0, 0.0};
// Each part more is launched by itself, and half of the processors idle, on
// average, while the attention's backward ends: 1.9, 3.7 and 6.6 ms a block for
// 2, 4 and 8 parts (bench/README.md).
constexpr double kSecondsOfAPart = 0.2e-3;
constexpr double kHalfWave = 66.0 * 128.0;  // (tokens x heads) at a time
// The residual that follows o's and cross o's product.
constexpr Passes kResidualPasses = {3.0, 0.0};

class Costs {
 public:
  Costs(const BlockWork& work, const DeviceRates& rates)
      : work_(work), rates_(rates) {}

  // out = in * weight for `tokens` rows, dequantised first where it must be.
  [[nodiscard]] double Product(int64_t tokens, int64_t in, int64_t out) const {
    const double weights = static_cast<double>(in) * static_cast<double>(out);
    const double flops = 2.0 * static_cast<double>(tokens) * weights;
    switch (work_.weights) {
      case WeightForm::kBf16:
        break;
      case WeightForm::kFp8:
        return flops / rates_.matmul_flops_per_second +
               weights * (1 + kBf16Bytes) / rates_.elementwise_bytes_per_second;
      case WeightForm::kFp8Compute:
        // Its input is quantised first, the LoRA's part added afterwards.
        return flops / rates_.fp8_matmul_flops_per_second +
               static_cast<double>(tokens * in * (1 + kBf16Bytes) +
                                   tokens * out * 2 * kBf16Bytes) /
                   rates_.elementwise_bytes_per_second;
    }
    return flops / rates_.matmul_flops_per_second;
  }

  [[nodiscard]] double Attention(int64_t keys) const {
    return AttentionFlops(keys) / rates_.attention_forward_flops_per_second;
  }

  [[nodiscard]] double AttentionBackward(int64_t keys) const {
    return kAttentionBackwardRatio * AttentionFlops(keys) /
           rates_.attention_backward_flops_per_second;
  }

  [[nodiscard]] double Elementwise(const Passes& passes) const {
    const double per_token =
        passes.dims * static_cast<double>(work_.model.dim) +
        passes.ffns * static_cast<double>(work_.model.ffn_dim);
    return per_token * static_cast<double>(work_.tokens * kBf16Bytes) /
           rates_.elementwise_bytes_per_second;
  }

  // k and v of the context: two products.
  [[nodiscard]] double ContextProjections() const {
    return 2.0 *
           Product(work_.context_tokens, work_.model.dim, work_.model.dim);
  }

  // Of a variant's modules, spread evenly.
  [[nodiscard]] double ExtraProducts() const {
    const int64_t matrices = BlockParametersOf(work_.model).extra_matrices;
    return matrices == 0 ? 0.0 : Product(work_.tokens, 1, matrices);
  }

  // What a backward in parts takes longer.
  [[nodiscard]] double PartsSeconds() const {
    const double waves =
        kHalfWave / static_cast<double>(work_.tokens * work_.model.heads);
    return static_cast<double>(work_.ffn_chunks - 1) *
           (kSecondsOfAPart + waves * AttentionBackward(work_.tokens));
  }

 private:
  [[nodiscard]] double AttentionFlops(int64_t keys) const {
    return 4.0 * static_cast<double>(work_.tokens) * static_cast<double>(keys) *
           static_cast<double>(work_.model.dim);
  }

  const BlockWork& work_;
  const DeviceRates& rates_;
};

// Each keeps its own input, as the block does.
int64_t ModulesOfBlock(const ModelSpec& model) {
  const auto modules = static_cast<int64_t>(model.extra_modules.size());
  return modules == 0 ? 0 : (modules + model.layers - 1) / model.layers;
}

int64_t WeightBytes(const BlockWork& work) {
  const BlockParameters parameters = BlockParametersOf(work.model);
  const int64_t element = work.weights == WeightForm::kBf16 ? kBf16Bytes : 1;
  // The rest is in float32; in 8 bits there is also a scale a row.
  return (parameters.matrices + parameters.extra_matrices) * element +
         (parameters.rest + parameters.extra_rest) * kFp32Bytes;
}

}  // namespace

int64_t BlockModel::BytesOf(const BlockPlan& plan, Fate fate) const {
  int64_t bytes = 0;
  for (size_t g = 0; g < kSavedGroups; ++g) {
    if (plan.fates[g] == fate) bytes += groups[g].bytes;
  }
  return bytes;
}

double BlockModel::RecomputeSeconds(const BlockPlan& plan) const {
  double seconds = 0.0;
  for (size_t g = 0; g < kSavedGroups; ++g) {
    if (plan.fates[g] == Fate::kRecompute) seconds += groups[g].seconds;
  }
  return seconds;
}

int64_t BlockModel::ForwardWorkingBytes(const BlockPlan& plan) const {
  const int64_t token = work.tokens * kBf16Bytes;
  // Recomputed groups live as long as their part of the block.
  const auto passing = [&](SavedGroup group) {
    return plan.of(group) == Fate::kRecompute ? of(group).bytes : 0;
  };
  // Attention: its normed input gone, q and k rotated.
  const int64_t attention = token * 2 * work.model.dim +
                            passing(SavedGroup::kQkv) +
                            passing(SavedGroup::kSelfOut);
  // Feed-forward: gelu's result, ffn.2's result and the sum; in parts, each
  // part's own and the sums so far.
  const int64_t parts = work.ffn_chunks;
  const int64_t feed_forward =
      token *
          ((parts > 1 ? 3 : 2) * work.model.dim + work.model.ffn_dim / parts) +
      passing(SavedGroup::kFfnInput) + passing(SavedGroup::kFfnInner) / parts;
  return std::max(attention, feed_forward) + BytesOf(plan, Fate::kOffload);
}

int64_t BlockModel::BackwardWorkingBytes(const BlockPlan& plan) const {
  const int64_t token = work.tokens * kBf16Bytes;
  const auto restored = [&](SavedGroup group) {
    return plan.of(group) == Fate::kKeep ? 0 : of(group).bytes;
  };
  // Queries are made again just before they are used, unless the attention's
  // result must be made from them first.
  const auto is_left = [&](SavedGroup group, SavedGroup result) {
    return plan.of(group) == Fate::kRecompute &&
           plan.of(result) != Fate::kRecompute;
  };
  int64_t all = 0;
  for (size_t g = 0; g < kSavedGroups; ++g) {
    all += restored(static_cast<SavedGroup>(g));
  }
  if (is_left(SavedGroup::kQkv, SavedGroup::kSelfOut)) {
    all -= of(SavedGroup::kQkv).bytes;
  }
  if (is_left(SavedGroup::kCrossQ, SavedGroup::kCrossOut)) {
    all -= of(SavedGroup::kCrossQ).bytes;
  }
  // The gradient and its gated copy; inner's gradient and, at the same time,
  // gelu's result and its gradient.
  const int64_t chunk = work.model.ffn_dim / work.ffn_chunks;
  int64_t feed_forward = all + token * (2 * work.model.dim + 3 * chunk);
  if (work.ffn_chunks > 1) {
    feed_forward += token * work.model.dim;  // the parts' gradients, joined
    if (plan.of(SavedGroup::kFfnInner) == Fate::kRecompute) {
      feed_forward -= of(SavedGroup::kFfnInner).bytes - token * chunk;
    }
  }
  // Gradients of the block and of attention's result; rotated q and k,
  // gradients of q, k and v, and the backend's float32 sums for q, of a part of
  // the heads; then the gradients of all heads are there too.
  const int64_t parts = work.ffn_chunks;
  const int64_t gradients = (parts > 1 ? 5 : 2) * work.model.dim;
  const int64_t attention =
      restored(SavedGroup::kInput) + restored(SavedGroup::kQkv) +
      restored(SavedGroup::kSelfOut) +
      token *
          (gradients + 7 * work.model.dim / std::min(parts, work.model.heads));
  return std::max(feed_forward, attention);
}

BlockModel MakeBlockModel(const BlockWork& work, const DeviceRates& rates) {
  const Costs costs(work, rates);
  const int64_t tokens = work.tokens;
  const int64_t dim = work.model.dim;
  const double square = costs.Product(tokens, dim, dim);
  const double up = costs.Product(tokens, dim, work.model.ffn_dim);
  const double down = costs.Product(tokens, work.model.ffn_dim, dim);
  const double cross = costs.Attention(work.context_tokens);
  const double residual = costs.Elementwise(kResidualPasses);
  const double context = costs.ContextProjections();

  BlockModel model;
  model.work = work;
  const auto set = [&](SavedGroup group, int64_t width, double seconds) {
    model.groups[static_cast<size_t>(group)] = {tokens * width * kBf16Bytes,
                                                seconds * kSteadySlowdown};
  };
  set(SavedGroup::kInput, dim + dim * ModulesOfBlock(work.model), 0.0);
  set(SavedGroup::kQkv, 3 * dim, 3.0 * square);
  set(SavedGroup::kSelfOut, dim, costs.Attention(tokens));
  set(SavedGroup::kCrossInput, dim, square + residual);
  set(SavedGroup::kCrossQ, dim, square);
  set(SavedGroup::kCrossOut, dim, cross + context);
  set(SavedGroup::kFfnInput, dim, square + residual);
  set(SavedGroup::kFfnInner, work.model.ffn_dim, up);
  // Attention's logsumexp, float32, comes with its result.
  const int64_t sums = tokens * work.model.heads * kFp32Bytes;
  model.groups[static_cast<size_t>(SavedGroup::kSelfOut)].bytes += sums;
  model.groups[static_cast<size_t>(SavedGroup::kCrossOut)].bytes += sums;

  model.weight_bytes = WeightBytes(work);
  model.optimizer_bytes = work.lora_parameters * kOptimizerBytes;
  model.gradient_bytes = work.lora_parameters * kGradientBytes;
  const double products = 6.0 * square + up + down + costs.ExtraProducts();
  model.forward_seconds = products + context + costs.Attention(tokens) + cross +
                          costs.Elementwise(kForwardPasses);
  // Keys and values of the context are made again; nothing flows into it.
  model.backward_seconds =
      products + context + costs.AttentionBackward(tokens) +
      costs.AttentionBackward(work.context_tokens) +
      kBackwardSlowdown * costs.Elementwise(kBackwardPasses);
  if (work.ffn_chunks > 1) {
    model.forward_seconds += costs.Elementwise(kForwardPartsPasses);
    model.backward_seconds +=
        costs.Elementwise(kBackwardPartsPasses) + costs.PartsSeconds();
  }
  model.forward_seconds *= kSteadySlowdown;
  model.backward_seconds *= kSteadySlowdown;
  return model;
}

}  // namespace halfpipe
