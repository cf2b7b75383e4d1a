#include "stage/kernels/fused.h"

#include <array>

#include "stage/kernels/cuda/elementwise.h"
#include "stage/kernels/cuda/layer_norm.h"
#include "stage/kernels/fused_launch.h"
#include "stage/kernels/tensor_rows.h"

namespace halfpipe::fused {
namespace {

// A modulation of x: (B, G, D), with G a divisor of L.
at::Tensor Modulation(const at::Tensor& values, const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 3 && values.dim() == 3 &&
                  values.size(0) == x.size(0) && values.size(2) == x.size(2) &&
                  values.size(1) > 0 && x.size(1) % values.size(1) == 0,
              "a modulation of shape ", values.sizes(), " does not fit ",
              x.sizes());
  TORCH_CHECK(
      values.scalar_type() == at::kFloat && values.device() == x.device(),
      "a modulation is float32 on ", x.device(), ", found ",
      values.scalar_type(), " on ", values.device());
  return WithRows(values);
}

// How rows map to those of scale and shift.
struct Grouping {
  int64_t rows_per_group = 0;
  float offset = 0;
};

Grouping GroupingOf(LayerNormKind kind, const at::Tensor& x,
                    const at::Tensor& scale) {
  TORCH_CHECK(x.dim() == 3, "expected (B, L, D), found ", x.sizes());
  if (kind == LayerNormKind::kAffine) return {RowCount(x), 0.0f};
  return {x.size(1) / scale.size(1), 1.0f};
}

// scale or shift in the form that the kernels read.
at::Tensor Multiplier(LayerNormKind kind, const at::Tensor& values,
                      const at::Tensor& x) {
  return kind == LayerNormKind::kAffine
             ? FloatParameter(values, {x.size(-1)}, x)
             : Modulation(values, x);
}

}  // namespace

bool Takes(
    std::initializer_list<std::reference_wrapper<const at::Tensor>> tensors) {
  for (const at::Tensor& x : tensors) {
    if (!x.defined()) continue;
    if (!x.is_cuda() || x.scalar_type() != at::kBFloat16 || x.numel() == 0) {
      return false;
    }
  }
  return true;
}

bool TakesRows(
    std::initializer_list<std::reference_wrapper<const at::Tensor>> tensors,
    int64_t width) {
  return width <= kMaxRowWidth && Takes(tensors);
}

at::Tensor LayerNorm(LayerNormKind kind, const at::Tensor& x,
                     const at::Tensor& shift, const at::Tensor& scale,
                     double eps, LayerNormStats* stats, const at::Tensor& out) {
  const Enqueue enqueue(x);
  const at::Tensor input = WithRows(x);
  const at::Tensor multiplier = Multiplier(kind, scale, x);
  const at::Tensor addend = Multiplier(kind, shift, x);
  CheckSameShape(multiplier, addend);
  const Grouping grouping = GroupingOf(kind, x, multiplier);
  at::Tensor y = ResultRows(out, x.sizes(), x);
  *stats = {NewPerRow(x), NewPerRow(x)};
  LayerNormArgs args;
  args.rows = RowCount(x);
  args.width = static_cast<int>(x.size(-1));
  args.rows_per_group = grouping.rows_per_group;
  args.offset = grouping.offset;
  args.eps = static_cast<float>(eps);
  args.x = ReadRows(input);
  args.scale = ReadFloatRows(multiplier);
  args.shift = ReadFloatRows(addend);
  args.y = WriteRows(y);
  args.mean = stats->mean.mutable_data_ptr<float>();
  args.rstd = stats->rstd.mutable_data_ptr<float>();
  CheckLaunch(LaunchLayerNorm(args, enqueue.stream()), "layer norm");
  return y;
}

at::Tensor LayerNormBackward(LayerNormKind kind, const at::Tensor& dy,
                             const at::Tensor& x, const at::Tensor& scale,
                             const LayerNormStats& stats,
                             const at::Tensor& residual) {
  const Enqueue enqueue(x);
  CheckSameShape(dy, x);
  if (residual.defined()) CheckSameShape(residual, x);
  const at::Tensor gradient = WithRows(dy);
  const at::Tensor input = WithRows(x);
  const at::Tensor added = residual.defined() ? WithRows(residual) : residual;
  const at::Tensor multiplier = Multiplier(kind, scale, x);
  const Grouping grouping = GroupingOf(kind, x, multiplier);
  const std::array<int64_t, 3> per_row = {x.size(0), x.size(1), 1};
  const at::Tensor mean = FloatParameter(stats.mean, per_row, x);
  const at::Tensor rstd = FloatParameter(stats.rstd, per_row, x);
  at::Tensor dx = ResultRows({}, x.sizes(), x);
  LayerNormBackwardArgs args;
  args.rows = RowCount(x);
  args.width = static_cast<int>(x.size(-1));
  args.rows_per_group = grouping.rows_per_group;
  args.offset = grouping.offset;
  args.dy = ReadRows(gradient);
  args.x = ReadRows(input);
  args.residual = ReadRows(added);
  args.scale = ReadFloatRows(multiplier);
  args.mean = mean.const_data_ptr<float>();
  args.rstd = rstd.const_data_ptr<float>();
  args.dx = WriteRows(dx);
  CheckLaunch(LaunchLayerNormBackward(args, enqueue.stream()),
              "layer norm backward");
  return dx;
}

at::Tensor Gate(const at::Tensor& x, const at::Tensor& gate,
                const at::Tensor& y, const at::Tensor& out) {
  const Enqueue enqueue(y);
  if (x.defined()) CheckSameShape(x, y);
  const at::Tensor base = x.defined() ? WithRows(x) : x;
  const at::Tensor input = WithRows(y);
  const at::Tensor factor = Modulation(gate, y);
  at::Tensor result = ResultRows(out, y.sizes(), y);
  GateArgs args;
  args.rows = RowCount(y);
  args.width = y.size(-1);
  args.rows_per_group = y.size(1) / factor.size(1);
  args.x = ReadRows(base);
  args.y = ReadRows(input);
  args.gate = ReadFloatRows(factor);
  args.out = WriteRows(result);
  CheckLaunch(LaunchGate(args, enqueue.stream()), "gated residual");
  return result;
}

at::Tensor GeluTanh(const at::Tensor& x, const at::Tensor& out) {
  const Enqueue enqueue(x);
  const at::Tensor input = WithRows(x);
  at::Tensor activated = ResultRows(out, x.sizes(), x);
  GeluArgs args;
  args.rows = RowCount(x);
  args.width = x.size(-1);
  args.x = ReadRows(input);
  args.activated = WriteRows(activated);
  CheckLaunch(LaunchGelu(args, enqueue.stream()), "gelu");
  return activated;
}

GeluGradient GeluTanhBackward(const at::Tensor& dy, const at::Tensor& x,
                              const at::Tensor& dx_out,
                              const at::Tensor& activated_out) {
  const Enqueue enqueue(x);
  CheckSameShape(dy, x);
  const at::Tensor input = WithRows(x);
  const at::Tensor gradient = WithRows(dy);
  GeluGradient result = {ResultRows(dx_out, x.sizes(), x),
                         ResultRows(activated_out, x.sizes(), x)};
  GeluArgs args;
  args.rows = RowCount(x);
  args.width = x.size(-1);
  args.x = ReadRows(input);
  args.dy = ReadRows(gradient);
  args.activated = WriteRows(result.activated);
  args.dx = WriteRows(result.dx);
  CheckLaunch(LaunchGelu(args, enqueue.stream()), "gelu backward");
  return result;
}

}  // namespace halfpipe::fused
