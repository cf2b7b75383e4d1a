#include "stage/kernels/tensor_rows.h"

#include <ATen/ops/empty.h>

namespace halfpipe {
namespace {

int64_t RequiredStride(const at::Tensor& x) {
  const std::optional<int64_t> stride = RowStride(x);
  TORCH_CHECK(stride.has_value(), "rows of shape ", x.sizes(), " with strides ",
              x.strides(), " are not equally spaced");
  return *stride;
}

}  // namespace

std::optional<int64_t> RowStride(const at::Tensor& x) {
  if (x.dim() == 0 || (x.size(-1) > 1 && x.stride(-1) != 1)) {
    return std::nullopt;
  }
  // From the innermost axis of rows outwards: `next` is what the stride of the
  // next axis must be.
  std::optional<int64_t> row_stride, next;
  for (int64_t axis = x.dim() - 2; axis >= 0; --axis) {
    if (x.size(axis) == 1) continue;
    if (next.has_value() && x.stride(axis) != *next) return std::nullopt;
    if (!row_stride.has_value()) row_stride = x.stride(axis);
    next = x.stride(axis) * x.size(axis);
  }
  return row_stride.value_or(0);
}

at::Tensor WithRows(const at::Tensor& x) {
  return RowStride(x).has_value() ? x : x.contiguous();
}

at::Tensor ResultRows(const at::Tensor& out, at::IntArrayRef sizes,
                      const at::Tensor& like) {
  if (!out.defined()) return at::empty(sizes, like.options());
  TORCH_CHECK(out.sizes() == sizes, "out has shape ", out.sizes(),
              ", the result ", sizes);
  TORCH_CHECK(
      out.scalar_type() == like.scalar_type() && out.device() == like.device(),
      "out is ", out.scalar_type(), " on ", out.device(), ", the result ",
      like.scalar_type(), " on ", like.device());
  const int64_t rows = out.numel() / out.size(-1);
  TORCH_CHECK(rows == 1 || RequiredStride(out) >= out.size(-1),
              "rows of out overlap: shape ", out.sizes(), ", strides ",
              out.strides());
  return out;
}

Bf16Rows ReadRows(const at::Tensor& x) {
  if (!x.defined()) return {};
  TORCH_CHECK(x.scalar_type() == at::kBFloat16, "expected bfloat16, found ",
              x.scalar_type());
  return {static_cast<const uint16_t*>(x.const_data_ptr()), RequiredStride(x)};
}

MutableBf16Rows WriteRows(const at::Tensor& x) {
  if (!x.defined()) return {};
  TORCH_CHECK(x.scalar_type() == at::kBFloat16, "expected bfloat16, found ",
              x.scalar_type());
  return {static_cast<uint16_t*>(x.mutable_data_ptr()), RequiredStride(x)};
}

FloatRows ReadFloatRows(const at::Tensor& x) {
  if (!x.defined()) return {};
  TORCH_CHECK(x.scalar_type() == at::kFloat, "expected float32, found ",
              x.scalar_type());
  return {static_cast<const float*>(x.const_data_ptr()), RequiredStride(x)};
}

}  // namespace halfpipe
