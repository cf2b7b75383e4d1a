#include "common/wan/attention_projection.h"

#include "common/base/status.h"
#include "common/kernels/attention.h"
#include "common/kernels/norm.h"
#include "common/kernels/rope.h"

namespace halfpipe {

at::Tensor SplitHeads(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads});
}

at::Tensor MergeHeads(const at::Tensor& x) {
  return x.view({x.size(0), x.size(1), x.size(2) * x.size(3)});
}

void NormedProjectionSaved::AppendFields(const std::string& prefix,
                                         SavedFields* fields) {
  fields->push_back({prefix + ".adapted", &adapted});
  fields->push_back({prefix + ".linear", &linear});
  fields->push_back({prefix + ".rstd", &rstd});
  fields->push_back({prefix + ".heads", &heads});
}

absl::StatusOr<NormedProjection> NormedProjection::Load(
    const LayerLoader& loader, const std::string& linear,
    const std::string& norm, Role role) {
  NormedProjection projection;
  projection.role_ = role;
  projection.heads_ = loader.architecture().heads;
  HP_ASSIGN_OR_RETURN(projection.linear_, loader.Adapted(linear));
  HP_ASSIGN_OR_RETURN(projection.norm_weight_, loader.Float(norm + ".weight"));
  return projection;
}

at::Tensor NormedProjection::Forward(const at::Tensor& x,
                                     const at::Tensor& rope,
                                     NormedProjectionSaved* saved) const {
  saved->linear = linear_.Forward(x, &saved->adapted);
  at::Tensor normed =
      RmsNorm(saved->linear, norm_weight_, kWanEps, &saved->rstd);
  saved->heads = SplitHeads(normed, heads_);
  if (rope.defined()) saved->heads = ApplyRope(saved->heads, rope);
  if (role_ == Role::kKey) saved->heads = CentreKeys(saved->heads);
  return saved->heads;
}

at::Tensor NormedProjection::Backward(const at::Tensor& dheads,
                                      const at::Tensor& x,
                                      const at::Tensor& rope,
                                      const NormedProjectionSaved& saved,
                                      bool need_dx) {
  at::Tensor d = role_ == Role::kKey ? CentreKeys(dheads) : dheads;
  if (rope.defined()) d = ApplyRopeBackward(d, rope);
  at::Tensor dlinear =
      RmsNormBackward(MergeHeads(d), saved.linear, norm_weight_, saved.rstd);
  return linear_.Backward(dlinear, x, saved.adapted, need_dx);
}

}  // namespace halfpipe
