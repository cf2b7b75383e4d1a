#include "stage/job/comparison.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Below this norm a reference counts as zero and the error is absolute.
constexpr double kZeroNorm = 1e-12;
constexpr double kZeroTolerance = 1e-7;

// "blocks.12.self_attn.q.lora_A.default.weight" -> "self_attn.q.lora_A".
std::string GroupOf(absl::string_view key) {
  if (absl::ConsumePrefix(&key, "blocks.")) {
    key.remove_prefix(key.find('.') + 1);
  }
  absl::ConsumeSuffix(&key, ".weight");
  absl::ConsumeSuffix(&key, ".default");
  return absl::StrCat("grad ", key);
}

void Add(const std::string& name, const TensorError& error,
         GroupResult* group) {
  ++group->tensors;
  if (!error.Within(group->bound)) group->within = false;
  const double relative = error.relative();
  // Written so that NaN is the worst there is, and stays it.
  const bool worse = !std::isnan(group->worst) && !(relative <= group->worst);
  if (group->tensors == 1 || worse) {
    group->worst = relative;
    group->worst_name = name;
  }
}

}  // namespace

double TensorError::relative() const {
  return reference < kZeroNorm ? difference : difference / reference;
}

bool TensorError::Within(double bound) const {
  // Written so that NaN fails. No bound is within infinity of anything.
  if (std::isinf(reference)) return false;
  if (reference < kZeroNorm) return difference <= kZeroTolerance;
  return difference <= bound * reference;
}

TensorError CompareTensors(const at::Tensor& ours,
                           const at::Tensor& reference) {
  if (ours.numel() != reference.numel()) {
    return {.difference = std::numeric_limits<double>::infinity(),
            .reference = 1.0};
  }
  const at::Tensor a = ours.reshape({-1}).to(at::kDouble);
  const at::Tensor b = reference.reshape({-1}).to(at::kDouble);
  return {.difference = (a - b).norm().item<double>(),
          .reference = b.norm().item<double>()};
}

GroupResult CompareOne(const std::string& name, const at::Tensor& ours,
                       const at::Tensor& reference, double bound) {
  GroupResult group{.group = name, .bound = bound};
  Add(name, CompareTensors(ours, reference), &group);
  return group;
}

std::vector<GroupResult> CompareGradients(
    const std::map<std::string, at::Tensor>& ours,
    const std::map<std::string, at::Tensor>& reference,
    const ErrorBounds& bounds) {
  std::map<std::string, GroupResult> groups;
  TensorError all;
  for (const auto& [key, expected] : reference) {
    auto it = ours.find(key);
    HP_CHECK(it != ours.end());
    const TensorError error = CompareTensors(it->second, expected);
    GroupResult& group = groups[GroupOf(key)];
    group.group = GroupOf(key);
    group.bound = bounds.per_tensor;
    Add(key, error, &group);
    all.difference = std::hypot(all.difference, error.difference);
    all.reference = std::hypot(all.reference, error.reference);
  }
  std::vector<GroupResult> results;
  results.reserve(groups.size() + 1);
  for (auto& [name, group] : groups) results.push_back(std::move(group));
  GroupResult total{.group = "all gradients", .bound = bounds.total};
  Add("all gradients", all, &total);
  total.tensors = reference.size();
  results.push_back(std::move(total));
  return results;
}

}  // namespace halfpipe
