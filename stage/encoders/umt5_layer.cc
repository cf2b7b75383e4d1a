#include "stage/encoders/umt5_layer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int64_t kMaxDistance = 128;

// The bucket of one signed distance (key position - query position).
int64_t RelativeBucket(int64_t relative, int64_t buckets) {
  const int64_t side = buckets / 2;
  const int64_t exact = side / 2;
  const int64_t base = relative > 0 ? side : 0;
  const int64_t distance = std::abs(relative);
  if (distance < exact) return base + distance;
  // In float, as the reference computes it: at an exact power the rounding
  // decides the bucket.
  const float scale =
      std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(kMaxDistance) /
                                  static_cast<double>(exact))) *
      static_cast<float>(side - exact);
  return base + std::min(exact + static_cast<int64_t>(scale), side - 1);
}

}  // namespace

at::Tensor Umt5RmsNorm(const at::Tensor& x, const at::Tensor& weight) {
  constexpr double kEpsilon = 1e-6;
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor variance = wide.pow(2).mean(-1, /*keepdim=*/true);
  return (wide * at::rsqrt(variance + kEpsilon)).to(weight.scalar_type()) *
         weight;
}

at::Tensor RelativeBuckets(int64_t length, int64_t buckets) {
  at::Tensor result = at::empty({length, length}, at::kLong);
  int64_t* out = result.mutable_data_ptr<int64_t>();
  std::vector<int64_t> by_distance;  // from -(length - 1) to length - 1
  for (int64_t relative = 1 - length; relative < length; ++relative) {
    by_distance.push_back(RelativeBucket(relative, buckets));
  }
  for (int64_t query = 0; query < length; ++query) {
    std::copy_n(by_distance.begin() + (length - 1 - query), length,
                out + query * length);
  }
  return result;
}

absl::StatusOr<Umt5Layer> Umt5Layer::Load(const WeightLoader& weights,
                                          int64_t index, int64_t d_model) {
  const std::string prefix = absl::StrCat("blocks.", index, ".");
  const std::string bias = prefix + "pos_embedding.embedding.weight";
  HP_ASSIGN_OR_RETURN(const int64_t inner,
                      weights.Size(prefix + "attn.q.weight", 0));
  HP_ASSIGN_OR_RETURN(const int64_t d_ff,
                      weights.Size(prefix + "ffn.fc1.weight", 0));
  HP_ASSIGN_OR_RETURN(const int64_t buckets, weights.Size(bias, 0));
  HP_ASSIGN_OR_RETURN(const int64_t heads, weights.Size(bias, 1));
  if (heads < 1 || inner % heads != 0 || buckets < 4 || buckets % 4 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", bias, "' has shape [", buckets, ", ", heads,
                     "], expected [32, heads] with heads dividing the width ",
                     inner, " of '", prefix, "attn.q.weight'"));
  }
  Umt5Layer layer;

  struct Row {
    at::Tensor Umt5Layer::*target;
    const char* name;
    Shape shape;
  };

  const Row rows[] = {
      {&Umt5Layer::norm1_, "norm1", {d_model}},
      {&Umt5Layer::q_, "attn.q", {inner, d_model}},
      {&Umt5Layer::k_, "attn.k", {inner, d_model}},
      {&Umt5Layer::v_, "attn.v", {inner, d_model}},
      {&Umt5Layer::o_, "attn.o", {d_model, inner}},
      {&Umt5Layer::bias_, "pos_embedding.embedding", {buckets, heads}},
      {&Umt5Layer::norm2_, "norm2", {d_model}},
      {&Umt5Layer::gate_, "ffn.gate.0", {d_ff, d_model}},
      {&Umt5Layer::fc1_, "ffn.fc1", {d_ff, d_model}},
      {&Umt5Layer::fc2_, "ffn.fc2", {d_model, d_ff}},
  };
  for (const Row& row : rows) {
    HP_ASSIGN_OR_RETURN(
        layer.*row.target,
        weights.Load(absl::StrCat(prefix, row.name, ".weight"), row.shape));
  }
  return layer;
}

at::Tensor Umt5Layer::Attention(const at::Tensor& x,
                                const at::Tensor& buckets) const {
  const int64_t length = x.size(0);
  const int64_t heads = bias_.size(1);
  const auto split = [&](const at::Tensor& weight) {
    return at::linear(x, weight).view({length, heads, -1}).transpose(0, 1);
  };
  const at::Tensor query = split(q_);  // (heads, length, head_dim)
  // T5 does not scale by 1/sqrt(head_dim).
  const at::Tensor bias = at::embedding(bias_, buckets).permute({2, 0, 1});
  const at::Tensor logits = at::matmul(query, split(k_).transpose(1, 2)) + bias;
  const at::Tensor weights =
      at::softmax(logits, -1, at::kFloat).to(x.scalar_type());
  const at::Tensor mixed = at::matmul(weights, split(v_));
  return at::linear(mixed.transpose(0, 1).reshape({length, -1}), o_);
}

at::Tensor Umt5Layer::FeedForward(const at::Tensor& x) const {
  const at::Tensor gate = at::gelu(at::linear(x, gate_), "tanh");
  return at::linear(at::linear(x, fc1_) * gate, fc2_);
}

at::Tensor Umt5Layer::Forward(const at::Tensor& x,
                              const at::Tensor& buckets) const {
  const at::Tensor attended = x + Attention(Umt5RmsNorm(x, norm1_), buckets);
  return attended + FeedForward(Umt5RmsNorm(attended, norm2_));
}

}  // namespace halfpipe
