#include "stage/kernels/rounding_check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

const at::Device kGpu(at::kCUDA, 0);

std::vector<int64_t> Widened(std::vector<int64_t> shape, RowLayout layout) {
  shape.back() += layout.padding;
  return shape;
}

}  // namespace

void ExpectRoundedOnce(const at::Tensor& result, const Exact& exact) {
  ASSERT_EQ(result.sizes(), exact.value.sizes());
  ASSERT_EQ(result.scalar_type(), at::kBFloat16);
  const auto round = [](const at::Tensor& x) {
    return x.to(at::kBFloat16).to(at::kDouble);
  };
  const at::Tensor found = result.to(at::kDouble);
  const at::Tensor inside =
      found.ge(round(exact.value - exact.error))
          .logical_and(found.le(round(exact.value + exact.error)));
  if (inside.all().item<bool>()) return;
  const at::Tensor where = inside.logical_not().nonzero()[0];
  const auto at_where = [&](const at::Tensor& x) {
    at::Tensor element = x;
    for (int64_t i = 0; i < where.numel(); ++i) {
      element = element[where[i].item<int64_t>()];
    }
    return element.item<double>();
  };
  ADD_FAILURE() << inside.logical_not().sum().item<int64_t>() << " of "
                << inside.numel() << " elements are off; the first, at "
                << where << ": found " << at_where(found) << ", exact "
                << at_where(exact.value) << " +- " << at_where(exact.error);
}

at::Tensor RandomRows(const std::vector<int64_t>& shape, RowLayout layout,
                      uint64_t seed) {
  return RandomTensor(Widened(shape, layout), seed)
      .to(kGpu, at::kBFloat16)
      .narrow(-1, layout.offset, shape.back());
}

Target MakeTarget(const std::vector<int64_t>& shape, RowLayout layout) {
  const at::Tensor whole =
      at::full(Widened(shape, layout), kUntouched,
               at::TensorOptions().device(kGpu).dtype(at::kBFloat16));
  return {whole, whole.narrow(-1, layout.offset, shape.back())};
}

void ExpectInPlace(const at::Tensor& result, const Target& target) {
  EXPECT_TRUE(result.is_same(target.rows));
  const int64_t width = target.rows.size(-1);
  const int64_t offset =
      target.rows.storage_offset() - target.whole.storage_offset();
  const at::Tensor before = target.whole.narrow(-1, 0, offset);
  const at::Tensor after = target.whole.narrow(
      -1, offset + width, target.whole.size(-1) - offset - width);
  EXPECT_TRUE(before.eq(kUntouched).all().item<bool>());
  EXPECT_TRUE(after.eq(kUntouched).all().item<bool>());
}

at::Tensor ByToken(const at::Tensor& modulation, int64_t tokens) {
  return modulation.to(at::kDouble)
      .repeat_interleave(tokens / modulation.size(1), 1);
}

at::Tensor MeanMagnitude(const at::Tensor& x) {
  return x.abs().mean(-1, /*keepdim=*/true);
}

}  // namespace halfpipe
