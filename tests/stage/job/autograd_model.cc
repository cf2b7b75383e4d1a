#include "stage/job/autograd_model.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stage/kernels/rope.h"
#include "stage/wan/embeddings.h"
#include "stage/wan/patches.h"

namespace halfpipe {
namespace {

at::Tensor LayerNorm(const at::Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, {}, {}, kWanEps);
}

// The forward pass of one micro-batch.
class Pass {
 public:
  Pass(const AutogradModel& model, const MicrobatchInputs& inputs)
      : model_(model), inputs_(inputs) {
    const ModelSpec& spec = model.spec;
    grid_ = {inputs.latents.size(2) / spec.patch_frames,
             inputs.latents.size(3) / spec.patch_rows,
             inputs.latents.size(4) / spec.patch_columns};
    rope_ = RopeTable(grid_, spec.head_dim(), at::kCPU);
  }

  at::Tensor Run() {
    at::Tensor x = at::linear(UnfoldPatches(inputs_.latents, model_.spec),
                              Weight("patch_embedding.weight").flatten(1),
                              Weight("patch_embedding.bias"));
    context_ =
        Apply("text_embedding.2",
              at::gelu(Apply("text_embedding.0", inputs_.context), "tanh"));
    const at::Tensor sinusoid =
        TimestepSinusoid(inputs_.timestep.unsqueeze(1), model_.spec.freq_dim);
    const at::Tensor time = Apply(
        "time_embedding.2", at::silu(Apply("time_embedding.0", sinusoid)));
    modulation_ = Apply("time_projection.1", at::silu(time))
                      .view({x.size(0), 1, kModulationRows, model_.spec.dim});
    for (int64_t block = 0; block < model_.spec.layers; ++block) {
      x = Block(absl::StrCat("blocks.", block, "."), x);
      if (model_.behind_block) x = model_.behind_block(block, x);
    }
    const at::Tensor rows =
        Weight("head.modulation").unsqueeze(1) + time.unsqueeze(2);
    return FoldPrediction(
        Apply("head.head",
              LayerNorm(x) * (1.0 + rows.select(2, 1)) + rows.select(2, 0)),
        grid_, model_.spec);
  }

 private:
  [[nodiscard]] const at::Tensor& Weight(const std::string& name) const {
    return model_.weights.at(name);
  }

  [[nodiscard]] at::Tensor Apply(const std::string& module,
                                 const at::Tensor& x) const {
    return model_.Apply(module, x);
  }

  [[nodiscard]] at::Tensor QkNorm(const std::string& name,
                                  const at::Tensor& x) const {
    return x * at::rsqrt(x.square().mean(-1, true) + kWanEps) *
           Weight(name + ".weight");
  }

  [[nodiscard]] at::Tensor Heads(const at::Tensor& x) const {
    return x.view({x.size(0), x.size(1), model_.spec.heads, -1});
  }

  [[nodiscard]] at::Tensor Rotated(const at::Tensor& heads) const {
    const at::Tensor pairs = at::view_as_complex(
        heads.reshape({heads.size(0), heads.size(1), heads.size(2), -1, 2}));
    return at::view_as_real(pairs * rope_.unsqueeze(1)).flatten(3);
  }

  // q, k, v: (B, L, H, head_dim).
  [[nodiscard]] at::Tensor Attend(const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) const {
    const double width = static_cast<double>(model_.spec.head_dim());
    const at::Tensor scores =
        at::matmul(q.transpose(1, 2), k.transpose(1, 2).transpose(2, 3)) /
        std::sqrt(width);
    return at::matmul(at::softmax(scores, -1), v.transpose(1, 2))
        .transpose(1, 2)
        .flatten(2);
  }

  at::Tensor Block(const std::string& block, at::Tensor x) const {
    const at::Tensor rows = Weight(block + "modulation") + modulation_;
    const auto modulated = [&](int64_t first) {
      return LayerNorm(x) * (1.0 + rows.select(2, first + 1)) +
             rows.select(2, first);
    };
    const std::string self = block + "self_attn.";
    const at::Tensor n = modulated(0);
    const at::Tensor attended =
        Attend(Rotated(Heads(QkNorm(self + "norm_q", Apply(self + "q", n)))),
               Rotated(Heads(QkNorm(self + "norm_k", Apply(self + "k", n)))),
               Heads(Apply(self + "v", n)));
    x = x + rows.select(2, 2) * Apply(self + "o", attended);
    const std::string cross = block + "cross_attn.";
    const at::Tensor c =
        at::layer_norm(x, {x.size(-1)}, Weight(block + "norm3.weight"),
                       Weight(block + "norm3.bias"), kWanEps);
    x = x + Apply(cross + "o",
                  Attend(Heads(QkNorm(cross + "norm_q", Apply(cross + "q", c))),
                         Heads(QkNorm(cross + "norm_k",
                                      Apply(cross + "k", context_))),
                         Heads(Apply(cross + "v", context_))));
    return x +
           rows.select(2, 5) *
               Apply(block + "ffn.2",
                     at::gelu(Apply(block + "ffn.0", modulated(3)), "tanh"));
  }

  const AutogradModel& model_;
  const MicrobatchInputs& inputs_;
  TokenGrid grid_;
  at::Tensor rope_;
  at::Tensor context_;
  at::Tensor modulation_;  // (B, 1, 6, D)
};

}  // namespace

at::Tensor AutogradModel::Apply(const std::string& module,
                                const at::Tensor& x) const {
  at::Tensor y = at::linear(x, weights.at(module + ".weight"),
                            weights.at(module + ".bias"));
  const auto adapter = adapters.find(module);
  if (adapter == adapters.end()) return y;
  return y + at::linear(at::linear(x, adapter->second.a), adapter->second.b) *
                 scale;
}

at::Tensor AutogradModel::Predict(const MicrobatchInputs& inputs) const {
  return Pass(*this, inputs).Run();
}

}  // namespace halfpipe
