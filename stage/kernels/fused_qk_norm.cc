#include <ATen/ops/empty.h>
#include <cuda_runtime_api.h>

#include <array>
#include <limits>

#include "stage/kernels/cuda/qk_norm.h"
#include "stage/kernels/fused.h"
#include "stage/kernels/fused_launch.h"
#include "stage/kernels/tensor_rows.h"

namespace halfpipe::fused {
namespace {

// rope as (L, head_dim / 2) complex64 in one piece; undefined stays so.
at::Tensor RopeRows(const at::Tensor& rope, int64_t tokens, int64_t head_dim,
                    const at::Tensor& x) {
  if (!rope.defined()) return rope;
  TORCH_CHECK(rope.scalar_type() == at::kComplexFloat &&
                  rope.device() == x.device() && rope.dim() == 2 &&
                  rope.size(0) == tokens && rope.size(1) * 2 == head_dim,
              "expected a complex64 rope of (", tokens, ", ", head_dim / 2,
              ") on ", x.device(), ", found ", rope.scalar_type(), " of shape ",
              rope.sizes(), " on ", rope.device());
  return rope.resolve_conj().contiguous();
}

const float* RopeData(const at::Tensor& rope) {
  return rope.defined() ? static_cast<const float*>(rope.const_data_ptr())
                        : nullptr;
}

int64_t HeadWidth(const at::Tensor& linear, const QkNormOptions& options) {
  TORCH_CHECK(linear.dim() == 3 && options.heads > 0 &&
                  linear.size(2) % (2 * options.heads) == 0,
              "cannot divide ", linear.sizes(), " into ", options.heads,
              " heads of even size");
  TORCH_CHECK(linear.size(0) <= std::numeric_limits<uint16_t>::max(),
              "too many samples: ", linear.size(0));
  (void)RowCount(linear);
  return linear.size(2) / options.heads;
}

// A stride that an axis of size 1 cannot make misaligned.
int64_t StrideOf(const at::Tensor& x, int64_t axis) {
  return x.size(axis) == 1 ? 0 : x.stride(axis);
}

// The mean over the tokens, (B, D), of the sums that `launch(chunks, sums)`
// enqueues.
template <typename Launch>
at::Tensor TokenMean(const at::Tensor& linear, int chunks, cudaStream_t stream,
                     const Launch& launch) {
  const int64_t samples = linear.size(0), width = linear.size(2);
  const auto floats = linear.options().dtype(at::kFloat);
  at::Tensor sums = at::empty({samples, chunks, width}, floats);
  at::Tensor mean = at::empty({samples, width}, floats);
  CheckLaunch(launch(chunks, sums.mutable_data_ptr<float>()), "token sum");
  CheckLaunch(LaunchTokenMean(sums.const_data_ptr<float>(), samples, chunks,
                              static_cast<int>(width), linear.size(1),
                              mean.mutable_data_ptr<float>(), stream),
              "token mean");
  return mean;
}

// The tensors behind a QkNormArgs.
struct QkNormInputs {
  at::Tensor linear, weight, rope;
};

// All but the statistics and the result. `inputs` must outlive the launch.
QkNormArgs ArgsOf(const QkNormInputs& inputs, int64_t head_width, double eps) {
  QkNormArgs args;
  args.samples = inputs.linear.size(0);
  args.tokens = inputs.linear.size(1);
  args.width = static_cast<int>(inputs.linear.size(2));
  args.head_width = static_cast<int>(head_width);
  args.eps = static_cast<float>(eps);
  args.linear = ReadRows(inputs.linear);
  args.weight = inputs.weight.const_data_ptr<float>();
  args.rope = RopeData(inputs.rope);
  return args;
}

at::Tensor NewHeads(const at::Tensor& linear, int64_t head_width,
                    QkNormArgs* args) {
  at::Tensor heads = at::empty(
      {linear.size(0), linear.size(1), linear.size(2) / head_width, head_width},
      linear.options());
  args->heads = static_cast<uint16_t*>(heads.mutable_data_ptr());
  return heads;
}

}  // namespace

at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats) {
  const Enqueue enqueue(linear);
  const int64_t head_width = HeadWidth(linear, options);
  const QkNormInputs inputs = {
      WithRows(linear), FloatParameter(weight, {linear.size(2)}, linear),
      RopeRows(rope, linear.size(1), head_width, linear)};
  QkNormArgs args = ArgsOf(inputs, head_width, options.eps);
  *stats = {.rstd = NewPerRow(linear), .mean = {}};
  args.rstd = stats->rstd.mutable_data_ptr<float>();
  if (options.centre) {
    stats->mean = TokenMean(linear, QkNormChunks(args), enqueue.stream(),
                            [&](int chunks, float* sums) {
                              return LaunchQkNormSums(args, chunks, sums,
                                                      enqueue.stream());
                            });
    args.mean = stats->mean.const_data_ptr<float>();
    args.known_rstd = true;
  }
  at::Tensor heads = NewHeads(linear, head_width, &args);
  CheckLaunch(LaunchQkNorm(args, enqueue.stream()), "q and k norm");
  return heads;
}

at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count) {
  const Enqueue enqueue(linear);
  const int64_t head_width = HeadWidth(linear, options);
  const auto columns = [&](const at::Tensor& x) {
    return x.narrow(-1, first * head_width, count * head_width);
  };
  const at::Tensor part = columns(linear);
  const QkNormInputs inputs = {
      WithRows(part),
      FloatParameter(columns(weight), {count * head_width}, linear),
      RopeRows(rope, linear.size(1), head_width, linear)};
  QkNormArgs args = ArgsOf(inputs, head_width, options.eps);
  const std::array<int64_t, 3> per_row = {linear.size(0), linear.size(1), 1};
  at::Tensor rstd = FloatParameter(stats.rstd, per_row, linear);
  args.rstd = rstd.mutable_data_ptr<float>();
  args.known_rstd = true;
  at::Tensor mean;
  if (options.centre) {
    mean = columns(stats.mean).contiguous();
    args.mean = mean.const_data_ptr<float>();
  }
  at::Tensor heads = NewHeads(part, head_width, &args);
  CheckLaunch(LaunchQkNorm(args, enqueue.stream()), "q and k norm of heads");
  return heads;
}

at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out) {
  const Enqueue enqueue(linear);
  const int64_t head_width = HeadWidth(linear, options);
  TORCH_CHECK(dheads.dim() == 4 && dheads.size(0) == linear.size(0) &&
                  dheads.size(1) == linear.size(1) &&
                  dheads.size(2) == options.heads &&
                  dheads.size(3) == head_width,
              "dheads has shape ", dheads.sizes(), ", linear ", linear.sizes());
  const at::Tensor gradient =
      dheads.stride(3) == 1 ? dheads : dheads.contiguous();
  const at::Tensor input = WithRows(linear);
  const at::Tensor multiplier =
      FloatParameter(weight, {linear.size(2)}, linear);
  const at::Tensor table = RopeRows(rope, linear.size(1), head_width, linear);
  const std::array<int64_t, 3> per_row = {linear.size(0), linear.size(1), 1};
  const at::Tensor scales = FloatParameter(rstd, per_row, linear);
  at::Tensor dlinear = ResultRows(out, linear.sizes(), linear);
  QkNormBackwardArgs args;
  args.samples = linear.size(0);
  args.tokens = linear.size(1);
  args.width = static_cast<int>(linear.size(2));
  args.head_width = static_cast<int>(head_width);
  args.dheads = {static_cast<const uint16_t*>(gradient.const_data_ptr()),
                 StrideOf(gradient, 0), StrideOf(gradient, 1),
                 StrideOf(gradient, 2)};
  args.linear = ReadRows(input);
  args.weight = multiplier.const_data_ptr<float>();
  args.rope = RopeData(table);
  args.rstd = scales.const_data_ptr<float>();
  args.dlinear = WriteRows(dlinear);
  at::Tensor mean;
  if (options.centre) {
    mean = TokenMean(linear, HeadGradientChunks(args), enqueue.stream(),
                     [&](int chunks, float* sums) {
                       return LaunchHeadGradientSums(args, chunks, sums,
                                                     enqueue.stream());
                     });
    args.mean = mean.const_data_ptr<float>();
  }
  CheckLaunch(LaunchQkNormBackward(args, enqueue.stream()),
              "q and k norm backward");
  return dlinear;
}

}  // namespace halfpipe::fused
