#include "stage/kernels/attention.h"

#include <ATen/Context.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <array>
#include <cmath>
#include <tuple>

#include "stage/kernels/kernel_profile.h"
#ifdef HP_WITH_CUDA
#include <cuda_runtime_api.h>
#endif

namespace halfpipe {
namespace {

// libtorch wants (B, H, L, head_dim); strides are free.
at::Tensor HeadsFirst(const at::Tensor& x) { return x.transpose(1, 2); }

at::Tensor TokensFirst(const at::Tensor& x) {
  return x.transpose(1, 2).contiguous();
}

at::Tensor Probabilities(const at::Tensor& q, const at::Tensor& k) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor logits = at::matmul(q.to(at::kFloat), k.to(at::kFloat).mT());
  return at::softmax(logits.mul_(scale), -1);
}

// libtorch's flash backward asks a process-wide flag whether it may add with
// atomics. Only its host call is covered, so that no other operator changes.
class DeterministicScope {
 public:
  DeterministicScope()
      : was_(at::globalContext().deterministicAlgorithms()),
        warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }

  DeterministicScope(const DeterministicScope&) = delete;
  DeterministicScope& operator=(const DeterministicScope&) = delete;

  ~DeterministicScope() {
    at::globalContext().setDeterministicAlgorithms(was_, warn_only_);
  }

 private:
  bool was_;
  bool warn_only_;
};

AttentionGrads MathBackward(const at::Tensor& dout, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor wide_dout = dout.to(at::kFloat);
  at::Tensor p = Probabilities(q, k);
  at::Tensor dv = at::matmul(p.mT(), wide_dout);
  at::Tensor dp = at::matmul(wide_dout, v.to(at::kFloat).mT());
  at::Tensor ds = at::_softmax_backward_data(dp, p, -1, at::kFloat).mul_(scale);
  at::Tensor dq = at::matmul(ds, k.to(at::kFloat));
  at::Tensor dk = at::matmul(ds.mT(), q.to(at::kFloat));
  const at::ScalarType dtype = q.scalar_type();
  return {dq.to(dtype), dk.to(dtype), dv.to(dtype)};
}

// The gradients in (B, H, L, head_dim).
AttentionGrads BackwardHeadsFirst(const at::Tensor& dout, const at::Tensor& q,
                                  const at::Tensor& k, const at::Tensor& v,
                                  const AttentionSaved& saved,
                                  AttentionBackend backend) {
  const at::Tensor out = HeadsFirst(saved.out);
  const at::Tensor none;
  std::tuple<at::Tensor, at::Tensor, at::Tensor> grads;
  switch (backend) {
    case AttentionBackend::kMath:
      return MathBackward(dout, q, k, v);
    case AttentionBackend::kCpuFlash:
      grads = at::_scaled_dot_product_flash_attention_for_cpu_backward(
          dout, q, k, v, out, saved.logsumexp, 0.0, false);
      break;
    case AttentionBackend::kCudaFlash: {
      const DeterministicScope deterministic;
      grads = at::_scaled_dot_product_flash_attention_backward(
          dout, q, k, v, out, saved.logsumexp, none, none, q.size(2), k.size(2),
          0.0, false, saved.philox_seed, saved.philox_offset);
      break;
    }
    case AttentionBackend::kCudnn:
      grads = at::_scaled_dot_product_cudnn_attention_backward(
          dout, q, k, v, out, saved.logsumexp, saved.philox_seed,
          saved.philox_offset, none, none, none, q.size(2), k.size(2), 0.0,
          false);
      break;
    case AttentionBackend::kEfficient: {
      const std::array<bool, 4> no_bias = {true, true, true, false};
      auto [dq, dk, dv, dbias] =
          at::_scaled_dot_product_efficient_attention_backward(
              dout, q, k, v, none, out, saved.logsumexp, saved.philox_seed,
              saved.philox_offset, 0.0, no_bias);
      return {dq, dk, dv};
    }
  }
  return {std::get<0>(grads), std::get<1>(grads), std::get<2>(grads)};
}

// The forward in (B, H, L, head_dim); fills all of `saved` but `out`.
at::Tensor ForwardHeadsFirst(const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v, AttentionBackend backend,
                             AttentionSaved* saved) {
  switch (backend) {
    case AttentionBackend::kCpuFlash: {
      auto [out, logsumexp] =
          at::_scaled_dot_product_flash_attention_for_cpu(q, k, v);
      saved->logsumexp = logsumexp;
      return out;
    }
    case AttentionBackend::kCudaFlash: {
      auto result = at::_scaled_dot_product_flash_attention(q, k, v);
      saved->logsumexp = std::get<1>(result);
      saved->philox_seed = std::get<6>(result);
      saved->philox_offset = std::get<7>(result);
      return std::get<0>(result);
    }
    case AttentionBackend::kCudnn: {
      auto result = at::_scaled_dot_product_cudnn_attention(
          q, k, v, {}, /*compute_log_sumexp=*/true);
      saved->logsumexp = std::get<1>(result);
      saved->philox_seed = std::get<6>(result);
      saved->philox_offset = std::get<7>(result);
      return std::get<0>(result);
    }
    case AttentionBackend::kEfficient: {
      auto [out, logsumexp, seed, offset] =
          at::_scaled_dot_product_efficient_attention(
              q, k, v, {}, /*compute_log_sumexp=*/true);
      saved->logsumexp = logsumexp;
      saved->philox_seed = seed;
      saved->philox_offset = offset;
      return out;
    }
    case AttentionBackend::kMath:
      break;
  }
  at::Tensor out = at::matmul(Probabilities(q, k), v.to(at::kFloat));
  return out.to(q.scalar_type());
}

}  // namespace

AttentionDevice AttentionDeviceOf(const at::Device& device) {
  AttentionDevice result{.is_cpu = device.is_cpu()};
#ifdef HP_WITH_CUDA
  int major = 0;
  if (device.is_cuda() &&
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor,
                             device.index()) == cudaSuccess) {
    result.capability = major;
  }
#endif
  return result;
}

AttentionBackend ChooseAttention(const AttentionDevice& device,
                                 at::ScalarType dtype, int64_t head_dim,
                                 bool deterministic) {
  if (device.is_cpu) return AttentionBackend::kCpuFlash;
  constexpr int kHopper = 9;
  const bool half = dtype == at::kBFloat16 || dtype == at::kHalf;
  if (half && head_dim % 8 == 0 && head_dim <= 256) {
    const bool cudnn = device.capability >= kHopper && head_dim <= 128;
    return cudnn && !deterministic ? AttentionBackend::kCudnn
                                   : AttentionBackend::kCudaFlash;
  }
  // The efficient backward adds with atomics, so it is not deterministic.
  if (!half && head_dim % 4 == 0 && !deterministic) {
    return AttentionBackend::kEfficient;
  }
  return AttentionBackend::kMath;
}

AttentionSaved SavedHeads(const AttentionSaved& saved, int64_t first,
                          int64_t count) {
  AttentionSaved part = saved;
  part.out = saved.out.narrow(2, first, count);
  if (saved.logsumexp.defined()) {  // (B, H, ...) in every backend
    part.logsumexp = saved.logsumexp.narrow(1, first, count).contiguous();
  }
  return part;
}

at::Tensor Attention(const at::Tensor& q, const at::Tensor& k,
                     const at::Tensor& v, AttentionBackend backend,
                     AttentionSaved* saved) {
  const KernelScope scope(KernelGroup::kAttentionForward, q.is_cuda());
  at::Tensor out = ForwardHeadsFirst(HeadsFirst(q), HeadsFirst(k),
                                     HeadsFirst(v), backend, saved);
  saved->out = TokensFirst(out);
  return saved->out;
}

AttentionGrads AttentionBackward(const at::Tensor& dout, const at::Tensor& q,
                                 const at::Tensor& k, const at::Tensor& v,
                                 const AttentionSaved& saved,
                                 AttentionBackend backend) {
  const KernelScope scope(KernelGroup::kAttentionBackward, q.is_cuda());
  AttentionGrads grads =
      BackwardHeadsFirst(HeadsFirst(dout), HeadsFirst(q), HeadsFirst(k),
                         HeadsFirst(v), saved, backend);
  return {TokensFirst(grads.dq), TokensFirst(grads.dk), TokensFirst(grads.dv)};
}

at::Tensor CentreKeys(const at::Tensor& k) {
  at::Tensor mean = k.mean(1, /*keepdim=*/true, at::kFloat);
  return k.to(at::kFloat).sub(mean).to(k.scalar_type());
}

}  // namespace halfpipe
