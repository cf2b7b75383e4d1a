// A LoRA file in another program's format.
#ifndef HP_CLIENT_LORA_CONVERT_LORA_H_
#define HP_CLIENT_LORA_CONVERT_LORA_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/store/lora_file.h"

namespace halfpipe {

struct ConvertOptions {
  std::string input;
  std::string output;
  LoraFormat format = LoraFormat::kComfyUi;
  std::string base = {};  // a DiT to check against; empty: names alone
  std::optional<DType> dtype =
      {};  // F32 or BF16; else what holds the input exactly
};

struct ConvertResult {
  size_t modules = 0;
  size_t differences = 0;  // of whole tensors
  DType dtype = DType::kF32;
  std::vector<std::string> files = {};  // that were written
  std::string warning = {};             // LoraFile's
};

// Reads, checks every key, and writes `output` whole or not at all; peft gets
// its adapter_config.json beside it. An alpha is kept where the target format
// has one, else alpha / rank is multiplied into B. InvalidArgument: every key
// that does not match (lora_match.h); `output` is `input` itself; peft and
// ranks that differ; differences of whole tensors and a format that has no key
// for them. Else the codes of ImportLora, ExportLora and
// OpenWanCheckpoint.
[[nodiscard]] absl::StatusOr<ConvertResult> ConvertLora(
    const ConvertOptions& options);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_CONVERT_LORA_H_
