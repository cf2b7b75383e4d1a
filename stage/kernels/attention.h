// Scaled dot-product attention without mask or dropout, forward and backward,
// over whichever of libtorch's implementations fits the device, dtype and head
// size. The choice is made in one place, ChooseAttention. See norm.h for the
// common contract.
#ifndef HP_STAGE_KERNELS_ATTENTION_H_
#define HP_STAGE_KERNELS_ATTENTION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace halfpipe {

enum class AttentionBackend {
  kCpuFlash,   // CPU, any head size
  kCudaFlash,  // 16-bit, head size a multiple of 8 up to 256; run with its
               // deterministic backward
  kCudnn,      // 16-bit, head size a multiple of 8 up to 128; the fastest from
               // Hopper on, its backward is not deterministic
  kEfficient,  // CUDA, float32 too, head size a multiple of 4 (16-bit: 8)
  kMath,       // any device; materialises the (Lq, Lk) matrix: small cases only
};

// What decides which backends a device can run, and which is the fastest.
struct AttentionDevice {
  bool is_cpu = true;
  // CUDA's compute capability, its major number: 8 Ampere and Ada, 9 Hopper, 10
  // and 12 Blackwell.
  int capability = 0;
};

// Of a device that is there; a GPU that cannot be asked counts as the oldest.
[[nodiscard]] AttentionDevice AttentionDeviceOf(const at::Device& device);

// The fastest backend that accepts the inputs, by a table: cuDNN from Hopper
// on, flash before. `deterministic`: one whose gradients are the same bits in
// every run.
[[nodiscard]] AttentionBackend ChooseAttention(const AttentionDevice& device,
                                               at::ScalarType dtype,
                                               int64_t head_dim,
                                               bool deterministic);

// What the backward needs besides q, k and v.
struct AttentionSaved {
  at::Tensor out;            // (B, L, H, head_dim), the forward's result
  at::Tensor logsumexp;      // float32; its layout belongs to the backend
  at::Tensor philox_seed;    // undefined on the CPU
  at::Tensor philox_offset;  // undefined on the CPU
};

// What belongs to the heads [first, first + count) of an attention.
[[nodiscard]] AttentionSaved SavedHeads(const AttentionSaved& saved,
                                        int64_t first, int64_t count);

// softmax(q k^T / sqrt(head_dim)) v. q: (B, Lq, H, head_dim), k and v:
// (B, Lk, H, head_dim), result as q.
at::Tensor Attention(const at::Tensor& q, const at::Tensor& k,
                     const at::Tensor& v, AttentionBackend backend,
                     AttentionSaved* saved);

struct AttentionGrads {
  at::Tensor dq, dk, dv;  // contiguous, shapes of q, k, v
};

AttentionGrads AttentionBackward(const at::Tensor& dout, const at::Tensor& q,
                                 const at::Tensor& k, const at::Tensor& v,
                                 const AttentionSaved& saved,
                                 AttentionBackend backend);

// k minus its mean over the tokens, per sample, head and channel, (B, Lk, H,
// head_dim); float32 arithmetic. The softmax does not see a vector that is
// added to every key, so attention over centred keys is the same function. In
// 16 bits it is a far better one: the kernels take rowsum(dout * out) from the
// rounded `out`, and that error reaches dq multiplied by the keys' mean (errors
// of 5% and more become 0.5%). The gradient is the same map, applied to dk.
at::Tensor CentreKeys(const at::Tensor& k);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_ATTENTION_H_
