#include "stage/kernels/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "stage/kernels/gradient_check.h"

namespace halfpipe {
namespace {

struct Case {
  int64_t queries, keys, heads, width;
};

class AttentionTest : public testing::TestWithParam<Case> {};

// The plain formula with libtorch's double precision softmax, by autograd-free
// finite differences for the gradients.
at::Tensor Reference(const at::Tensor& q, const at::Tensor& k,
                     const at::Tensor& v) {
  const auto heads_first = [](const at::Tensor& x) {
    return x.to(at::kDouble).transpose(1, 2);
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor p =
      at::softmax(at::matmul(heads_first(q), heads_first(k).mT()) * scale, -1);
  return at::matmul(p, heads_first(v)).transpose(1, 2);
}

TEST_P(AttentionTest, BackendsAgreeWithTheFormula) {
  const Case c = GetParam();
  const at::Tensor q = RandomTensor({2, c.queries, c.heads, c.width}, 1);
  const at::Tensor k = RandomTensor({2, c.keys, c.heads, c.width}, 2);
  const at::Tensor v = RandomTensor({2, c.keys, c.heads, c.width}, 3);
  const at::Tensor dout = RandomTensor(q.sizes().vec(), 4);
  for (AttentionBackend backend :
       {AttentionBackend::kCpuFlash, AttentionBackend::kMath}) {
    SCOPED_TRACE(static_cast<int>(backend));
    AttentionSaved saved;
    const at::Tensor out = Attention(q, k, v, backend, &saved);
    ExpectClose(out, Reference(q, k, v), 1e-5);
    EXPECT_TRUE(out.is_contiguous());
    const AttentionGrads grads =
        AttentionBackward(dout, q, k, v, saved, backend);
    ExpectGradient([&](const at::Tensor& at) { return Reference(at, k, v); }, q,
                   dout, grads.dq);
    ExpectGradient([&](const at::Tensor& at) { return Reference(q, at, v); }, k,
                   dout, grads.dk);
    ExpectGradient([&](const at::Tensor& at) { return Reference(q, k, at); }, v,
                   dout, grads.dv);
  }
}

INSTANTIATE_TEST_SUITE_P(OddSizes, AttentionTest,
                         testing::Values(Case{1, 2, 1, 2}, Case{15, 7, 2, 12},
                                         Case{5, 33, 3, 24},
                                         Case{45, 45, 1, 128}));

TEST(CentreKeysTest, ChangesNothingButTheRounding) {
  // Keys with a large common part, as biases make them.
  const at::Tensor q = RandomTensor({1, 40, 2, 24}, 1);
  const at::Tensor k =
      RandomTensor({1, 40, 2, 24}, 2) * 0.6 + RandomTensor({1, 1, 2, 24}, 3);
  const at::Tensor v =
      RandomTensor({1, 40, 2, 24}, 4) * 0.5 + RandomTensor({1, 1, 2, 24}, 5);
  const at::Tensor dout = RandomTensor({1, 40, 2, 24}, 6);
  const at::Tensor centred = CentreKeys(k);
  EXPECT_LT(centred.mean(1).abs().max().item<float>(), 1e-6f);
  ExpectClose(Reference(q, centred, v), Reference(q, k, v), 1e-5);
  ExpectGradient([](const at::Tensor& at) { return CentreKeys(at); }, k, dout,
                 CentreKeys(dout));

  constexpr AttentionBackend kBackend = AttentionBackend::kCpuFlash;
  AttentionSaved saved;
  Attention(q, k, v, kBackend, &saved);
  const at::Tensor exact = AttentionBackward(dout, q, k, v, saved, kBackend).dq;
  const auto half = [](const at::Tensor& x) { return x.to(at::kBFloat16); };
  AttentionSaved rounded;
  Attention(half(q), half(centred), half(v), kBackend, &rounded);
  const AttentionGrads grads = AttentionBackward(
      half(dout), half(q), half(centred), half(v), rounded, kBackend);
  ExpectClose(grads.dq, exact, 1e-2);
}

TEST(ChooseAttentionTest, FitsDeviceTypeAndHead) {
  const AttentionDevice cpu = AttentionDeviceOf(at::kCPU);
  const AttentionDevice ada = {.is_cpu = false, .capability = 8};
  const AttentionDevice hopper = {.is_cpu = false, .capability = 9};
  const AttentionDevice blackwell = {.is_cpu = false, .capability = 12};
  EXPECT_EQ(ChooseAttention(cpu, at::kFloat, 12, false),
            AttentionBackend::kCpuFlash);
  for (const AttentionDevice& newer : {hopper, blackwell}) {
    EXPECT_EQ(ChooseAttention(newer, at::kBFloat16, 128, false),
              AttentionBackend::kCudnn);
    EXPECT_EQ(ChooseAttention(newer, at::kBFloat16, 256, false),
              AttentionBackend::kCudaFlash);
    EXPECT_EQ(ChooseAttention(newer, at::kBFloat16, 128, true),
              AttentionBackend::kCudaFlash);
  }
  EXPECT_EQ(ChooseAttention(ada, at::kBFloat16, 128, false),
            AttentionBackend::kCudaFlash);
  for (const AttentionDevice& gpu : {ada, hopper}) {
    EXPECT_EQ(ChooseAttention(gpu, at::kFloat, 128, false),
              AttentionBackend::kEfficient);
    EXPECT_EQ(ChooseAttention(gpu, at::kFloat, 128, true),
              AttentionBackend::kMath);
    EXPECT_EQ(ChooseAttention(gpu, at::kBFloat16, 12, false),
              AttentionBackend::kMath);
  }
}

}  // namespace
}  // namespace halfpipe
