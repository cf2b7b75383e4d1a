#include <ATen/ops/empty.h>

#include "stage/kernels/cuda/fp8.h"
#include "stage/kernels/fused.h"
#include "stage/kernels/fused_launch.h"
#include "stage/kernels/tensor_rows.h"

namespace halfpipe::fused {
namespace {

// A matrix of 8-bit values in one piece, as the kernels read it.
const uint8_t* Bytes(const at::Tensor& values) {
  TORCH_CHECK(
      values.dim() == 2 && values.is_contiguous() && values.element_size() == 1,
      "expected a contiguous matrix of 8 bits, found ", values.scalar_type(),
      " ", values.sizes());
  return static_cast<const uint8_t*>(values.const_data_ptr());
}

}  // namespace

bool TakesQuantise(const at::Tensor& x) {
  return Takes({x}) && x.size(-1) <= kMaxQuantisedWidth;
}

Fp8Matrix QuantiseRows(const at::Tensor& x, const at::Tensor& column_factors) {
  const Enqueue enqueue(x);
  TORCH_CHECK(x.dim() == 2, "expected a matrix, found ", x.sizes());
  const at::Tensor input = WithRows(x);
  Fp8Matrix result = {
      at::empty(x.sizes(), x.options().dtype(at::kFloat8_e4m3fn)),
      at::empty({x.size(0)}, x.options().dtype(at::kFloat))};
  at::Tensor factors;
  if (column_factors.defined()) {
    factors = FloatParameter(column_factors, {x.size(1)}, x);
  }
  QuantiseArgs args;
  args.rows = RowCount(x);
  args.width = x.size(1);
  args.x = ReadRows(input);
  args.columns = factors.defined() ? factors.const_data_ptr<float>() : nullptr;
  args.values = static_cast<uint8_t*>(result.values.mutable_data_ptr());
  args.scales = result.scales.mutable_data_ptr<float>();
  CheckLaunch(LaunchQuantise(args, enqueue.stream()), "quantise");
  return result;
}

void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out) {
  const Enqueue enqueue(out);
  CheckSameShape(matrix.values, out);
  const at::Tensor scales = FloatParameter(matrix.scales, {out.size(0)}, out);
  DequantiseArgs args;
  args.rows = RowCount(out);
  args.width = out.size(1);
  args.values = Bytes(matrix.values);
  args.scales = scales.const_data_ptr<float>();
  args.out = WriteRows(out);
  CheckLaunch(LaunchDequantise(args, enqueue.stream()), "dequantise");
}

bool TakesTranspose(const at::Tensor& values) {
  constexpr int64_t kWord = 4;
  return values.is_cuda() && values.numel() > 0 &&
         values.size(0) % kWord == 0 && values.size(1) % kWord == 0;
}

void TransposeBytes(const at::Tensor& values, const at::Tensor& out) {
  const Enqueue enqueue(values);
  TORCH_CHECK(out.size(0) == values.size(1) && out.size(1) == values.size(0),
              "transposing ", values.sizes(), " into ", out.sizes());
  Bytes(out);
  TransposeArgs args;
  args.rows = values.size(0);
  args.columns = values.size(1);
  args.in = Bytes(values);
  args.out = static_cast<uint8_t*>(out.mutable_data_ptr());
  CheckLaunch(LaunchTranspose(args, enqueue.stream()), "transpose");
}

}  // namespace halfpipe::fused
