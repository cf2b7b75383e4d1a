#include "client/lora/lora_match.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/nearest.h"
#include "common/base/status.h"
#include "common/model/linear_shapes.h"
#include "common/model/model_spec.h"

namespace halfpipe {
namespace {

constexpr size_t kMostLines = 20;
constexpr int64_t kMostBlocks = 1000;

// The block that a module names, or -1.
int64_t BlockIn(const std::string& module) {
  const std::vector<std::string> parts =
      absl::StrSplit(module, absl::MaxSplits('.', 2));
  int64_t block = -1;
  if (parts.size() < 2 || parts[0] != "blocks" ||
      !absl::SimpleAtoi(parts[1], &block) || block >= kMostBlocks) {
    return -1;
  }
  return block;
}

// The family's largest member with `layers` blocks: only its names count.
ModelSpec LargestMember(int64_t layers) {
  return {.dim = 2,
          .ffn_dim = 2,
          .heads = 1,
          .layers = layers,
          .text_dim = 1,
          .in_channels = 1,
          .out_channels = 1,
          .freq_dim = 2,
          .image_dim = 1,
          .image_positions = 1};
}

absl::Status Mismatch(std::vector<std::string> lines, size_t count,
                      absl::string_view what) {
  const size_t wrong = lines.size();
  if (wrong == 0) return absl::OkStatus();
  if (wrong > kMostLines) {
    lines.resize(kMostLines);
    lines.push_back(absl::StrCat("and ", wrong - kMostLines, " more"));
  }
  return absl::InvalidArgumentError(absl::StrCat(wrong, " of ", count, " ",
                                                 what, " do not match:\n  ",
                                                 absl::StrJoin(lines, "\n  ")));
}

// Of names alone when `shapes_count` is false.
absl::Status CheckDifferences(const LoraFile& lora,
                              const std::map<std::string, Shape>& tensors,
                              bool shapes_count) {
  std::vector<std::string> lines;
  for (const LoraDifference& difference : lora.differences) {
    const auto known = tensors.find(difference.tensor);
    if (known == tensors.end()) {
      lines.push_back(absl::StrCat(
          "'", difference.key, "': the base model has no tensor '",
          difference.tensor, "'", NearestNameHint(difference.tensor, tensors)));
    } else if (shapes_count && known->second != difference.shape) {
      lines.push_back(absl::StrCat(
          "'", difference.key, "' is ", ShapeString(difference.shape),
          ", but the base model's '", difference.tensor, "' is ",
          ShapeString(known->second)));
    }
  }
  return Mismatch(std::move(lines), lora.differences.size(), "differences");
}

int64_t LastBlockOf(const LoraFile& lora) {
  int64_t last = 0;
  for (const LoraModule& module : lora.modules) {
    last = std::max(last, BlockIn(module.module));
  }
  for (const LoraDifference& difference : lora.differences) {
    last = std::max(last, BlockIn(difference.tensor));
  }
  return last;
}

}  // namespace

absl::Status CheckEveryModule(const LoraFile& lora, const LinearShapes& base) {
  std::vector<std::string> lines;
  for (const LoraModule& module : lora.modules) {
    const absl::Status fits =
        CheckFitsBase(module.module, {module.in, module.out}, base);
    if (!fits.ok()) lines.emplace_back(fits.message());
  }
  return Mismatch(std::move(lines), lora.modules.size(), "modules");
}

absl::Status CheckEveryDifference(const LoraFile& lora,
                                  const std::map<std::string, Shape>& tensors) {
  return CheckDifferences(lora, tensors, /*shapes_count=*/true);
}

absl::Status CheckModuleNames(const LoraFile& lora) {
  const ModelSpec largest = LargestMember(LastBlockOf(lora) + 1);
  const LinearShapes family = AllLinearShapesOf(largest);
  std::vector<std::string> lines;
  for (const LoraModule& module : lora.modules) {
    const auto known = family.find(module.module);
    if (known != family.end()) continue;
    // Names alone: the sizes here are nobody's, so this always fails.
    const absl::Status fits = CheckFitsBase(module.module, {}, family);
    lines.emplace_back(fits.message());
  }
  HP_RETURN_IF_ERROR(
      Mismatch(std::move(lines), lora.modules.size(), "modules"));
  return CheckDifferences(lora, WanTensors(largest), /*shapes_count=*/false);
}

}  // namespace halfpipe
