#include "stage/lora/lora_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <utility>

#include "common/base/status.h"
#include "stage/kernels/fp8.h"
#include "stage/kernels/kernel_profile.h"

namespace halfpipe {
namespace {

// Room in whole 16-byte units of a 16-bit type: rows stay aligned.
constexpr int64_t kRoomUnit = 8;

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// (B, L, n) with equally spaced rows as (B L, n), without a copy.
at::Tensor Rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

// left right, into `target` if it is defined.
at::Tensor Product(const at::Tensor& left, const at::Tensor& right,
                   at::Tensor target) {
  if (!target.defined()) return at::mm(left, right);
  at::mm_out(target, left, right);
  return target;
}

// sum += left right, the LoRA's part of a product in 8 bits.
void AddProduct(const at::Tensor& left, const at::Tensor& right,
                const at::Tensor& sum) {
  const KernelScope scope(KernelGroup::kLora, sum.is_cuda());
  sum.addmm_(left, right);
}

}  // namespace

LoraLinear::LoraLinear(std::vector<Member> members, WeightForm form,
                       std::shared_ptr<WeightScratch> scratch)
    : fp8_products_(form == WeightForm::kFp8Compute) {
  HP_CHECK(!members.empty());
  in_ = members[0].base.weight.size(1);
  int64_t ranks = 0;
  std::vector<at::Tensor> biases;
  std::vector<at::Tensor> weights;
  std::vector<Fp8Matrix> quantised;
  for (Member& member : members) {
    HP_CHECK(member.base.weight.size(1) == in_);
    out_ += member.base.weight.size(0);
    if (member.adapter != nullptr) ranks += member.adapter->a.master.size(0);
    biases.push_back(member.base.bias);
    if (form == WeightForm::kBf16) {
      weights.push_back(std::move(member.base.weight));
    } else {
      quantised.push_back({std::move(member.base.weight), member.scales});
    }
  }
  room_ = RoundUp(ranks, kRoomUnit);
  bias_ = at::cat(biases);
  matrix_ = form == WeightForm::kBf16
                ? JointMatrix(std::move(weights), room_)
                : JointMatrix(quantised, room_, bias_.scalar_type(),
                              std::move(scratch));
  Place(std::move(members));
}

void LoraLinear::Place(std::vector<Member> members) {
  int64_t row = 0;
  int64_t column = 0;
  for (Member& member : members) {
    const int64_t rows = member.base.bias.size(0);
    if (member.adapter != nullptr) {
      LoraAdapter& adapter = *member.adapter;
      const int64_t rank = adapter.a.master.size(0);
      adapter.a.compute = matrix_.a().narrow(0, column, rank);
      adapter.b.compute =
          matrix_.b().narrow(0, row, rows).narrow(1, column, rank);
      adapter.RefreshComputeCopies();
      placed_.push_back({std::move(member.adapter), row, column});
      column += rank;
    }
    row += rows;
  }
}

at::Tensor LoraLinear::InputBuffer(int64_t batch, int64_t tokens) const {
  return at::empty({batch, tokens, in_ + room_}, matrix_.options());
}

at::Tensor LoraLinear::GradientBuffer(int64_t batch, int64_t tokens) const {
  return at::empty({batch, tokens, out_ + room_}, matrix_.options());
}

at::Tensor LoraLinear::InputColumns(const at::Tensor& buffer) const {
  return buffer.narrow(-1, 0, in_);
}

at::Tensor LoraLinear::GradientColumns(const at::Tensor& buffer) const {
  return buffer.narrow(-1, 0, out_);
}

at::Tensor LoraLinear::Project(const at::Tensor& x) const {
  const KernelScope scope(KernelGroup::kLora, x.is_cuda());
  at::Tensor behind;
  if (x.size(1) > in_) behind = x.narrow(1, in_, room_);
  return Product(x.narrow(1, 0, in_), matrix_.a().t(), behind);
}

at::Tensor LoraLinear::ProjectGradient(const at::Tensor& dy) const {
  const KernelScope scope(KernelGroup::kLora, dy.is_cuda());
  at::Tensor behind;
  if (dy.size(1) > out_) behind = dy.narrow(1, out_, room_);
  return Product(dy.narrow(1, 0, out_), matrix_.b(), behind);
}

at::Tensor LoraLinear::OutputProduct(const at::Tensor& x,
                                     const at::Tensor& projected) const {
  if (fp8_products_) {
    at::Tensor y = Fp8Product(QuantiseRows(x.narrow(1, 0, in_)),
                              matrix_.quantised(), bias_, x.scalar_type());
    if (room_ > 0) AddProduct(projected, matrix_.b().t(), y);
    return y;
  }
  const at::Tensor upper = matrix_.Whole().narrow(0, 0, out_);
  const KernelScope scope(KernelGroup::kLinear, x.is_cuda());
  at::Tensor y = at::addmm(bias_, x, upper.narrow(1, 0, x.size(1)).t());
  if (room_ > 0 && x.size(1) == in_) {
    y.addmm_(projected, upper.narrow(1, in_, room_).t());
  }
  return y;
}

at::Tensor LoraLinear::Forward(const at::Tensor& x) const {
  const at::Tensor rows = Rows(x);
  at::Tensor projected;
  if (room_ > 0) projected = Project(rows);
  return OutputProduct(rows, projected).view({x.size(0), x.size(1), out_});
}

// With u = A x and p = (scale B)^T dy: d(scale B) = dy^T u, dA = p^T x.
void LoraLinear::Accumulate(const at::Tensor& dy, const at::Tensor& dprojected,
                            const at::Tensor& x) {
  const at::Tensor projected = Project(x);
  const KernelScope scope(KernelGroup::kLora, x.is_cuda());
  const at::Tensor db = RowOuterProduct(dy.narrow(1, 0, out_), projected);
  const at::Tensor da = RowOuterProduct(dprojected, x.narrow(1, 0, in_));
  for (Placed& placed : placed_) {
    LoraAdapter& adapter = *placed.adapter;
    const int64_t rank = adapter.a.master.size(0);
    adapter.a.grad.add_(da.narrow(0, placed.column, rank));
    adapter.b.grad.add_(db.narrow(0, placed.row, adapter.b.master.size(0))
                            .narrow(1, placed.column, rank),
                        adapter.scale);
  }
}

at::Tensor LoraLinear::InputProduct(const at::Tensor& dy,
                                    const at::Tensor& dprojected) const {
  if (fp8_products_) {
    // W's scales are along the sum here: they go to dy before its rounding.
    const Fp8Matrix quantised =
        QuantiseRows(dy.narrow(1, 0, out_), matrix_.quantised().scales);
    at::Tensor dx = Fp8Product(quantised, matrix_.TransposedValues(),
                               /*bias=*/{}, dy.scalar_type());
    if (room_ > 0) AddProduct(dprojected, matrix_.a(), dx);
    return dx;
  }
  const at::Tensor left = matrix_.Whole().narrow(1, 0, in_);
  const KernelScope scope(KernelGroup::kLinear, dy.is_cuda());
  if (dy.size(1) > out_) return at::mm(dy, left);
  at::Tensor dx = at::mm(dy, left.narrow(0, 0, out_));
  if (room_ > 0) dx.addmm_(dprojected, left.narrow(0, out_, room_));
  return dx;
}

at::Tensor LoraLinear::Backward(const at::Tensor& dy, const at::Tensor& x,
                                bool need_dx) {
  const at::Tensor rows = Rows(dy);
  at::Tensor dprojected;
  if (room_ > 0) {
    dprojected = ProjectGradient(rows);
    Accumulate(rows, dprojected, Rows(x));
  }
  if (!need_dx) return {};
  return InputProduct(rows, dprojected).view({dy.size(0), dy.size(1), in_});
}

at::Tensor LoraLinear::InputGradient(const at::Tensor& dy) const {
  const at::Tensor rows = Rows(dy);
  at::Tensor dprojected;
  if (room_ > 0) dprojected = ProjectGradient(rows);
  return InputProduct(rows, dprojected).view({dy.size(0), dy.size(1), in_});
}

void LoraLinear::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  for (const Placed& placed : placed_) {
    adapters->push_back(placed.adapter.get());
  }
}

}  // namespace halfpipe
