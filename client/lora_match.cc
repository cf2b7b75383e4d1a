#include "client/lora_match.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/wan/linear_shapes.h"

namespace halfpipe {
namespace {

constexpr size_t kMostLines = 20;
constexpr int64_t kMostBlocks = 1000;

// The block that a module names, or -1.
int64_t BlockOf(const std::string& module) {
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
LinearShapes FamilyModules(int64_t layers) {
  WanArchitecture wan = {.dim = 2,
                         .ffn_dim = 2,
                         .heads = 1,
                         .layers = layers,
                         .in_channels = 1,
                         .out_channels = 1,
                         .text_dim = 1,
                         .freq_dim = 2,
                         .image_dim = 1};
  return AllLinearShapesOf(wan);
}

absl::Status Mismatch(std::vector<std::string> lines, size_t modules) {
  const size_t wrong = lines.size();
  if (wrong == 0) return absl::OkStatus();
  if (wrong > kMostLines) {
    lines.resize(kMostLines);
    lines.push_back(absl::StrCat("and ", wrong - kMostLines, " more"));
  }
  return absl::InvalidArgumentError(absl::StrCat(wrong, " of ", modules,
                                                 " modules do not match:\n  ",
                                                 absl::StrJoin(lines, "\n  ")));
}

}  // namespace

absl::Status CheckEveryModule(const LoraFile& lora, const LinearShapes& base) {
  std::vector<std::string> lines;
  for (const LoraModule& module : lora.modules) {
    const absl::Status fits =
        CheckFitsBase(module.module, {module.in, module.out}, base);
    if (!fits.ok()) lines.emplace_back(fits.message());
  }
  return Mismatch(std::move(lines), lora.modules.size());
}

absl::Status CheckModuleNames(const LoraFile& lora) {
  int64_t last_block = 0;
  for (const LoraModule& module : lora.modules) {
    last_block = std::max(last_block, BlockOf(module.module));
  }
  const LinearShapes family = FamilyModules(last_block + 1);
  std::vector<std::string> lines;
  for (const LoraModule& module : lora.modules) {
    const auto known = family.find(module.module);
    if (known != family.end()) continue;
    // Names alone: the sizes here are nobody's, so this always fails.
    const absl::Status fits = CheckFitsBase(module.module, {}, family);
    lines.emplace_back(fits.message());
  }
  return Mismatch(std::move(lines), lora.modules.size());
}

}  // namespace halfpipe
