// How the programs that load Wan LoRAs name their tensors. A module is always
// a native path of the base model ("blocks.0.self_attn.q"); A is the matrix
// [rank, in], B the matrix [out, rank], and the update of the weight is
// alpha / rank * B A.
#ifndef HP_COMMON_STORE_LORA_NAMES_H_
#define HP_COMMON_STORE_LORA_NAMES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

enum class LoraFormat {
  kDiffSynth,  // blocks.0.self_attn.q.lora_A.default.weight
  kComfyUi,    // diffusion_model.blocks.0.self_attn.q.lora_A.weight, .alpha
  kDiffusers,  // transformer.blocks.0.attn1.to_q.lora_A.weight
  kPeft,       // base_model.model.blocks.0.self_attn.q.lora_A.weight
  kMusubi,     // lora_unet_blocks_0_self_attn_q.lora_down.weight, .alpha
  kLightx2v,   // diffusion_model.blocks.0.self_attn.q.lora_down.weight, .alpha
};

// "diffsynth", "comfyui", "diffusers", "peft", "musubi", "lightx2v": the names
// in a job file and in lora.<name>.safetensors.
[[nodiscard]] absl::string_view LoraFormatName(LoraFormat format);
[[nodiscard]] std::optional<LoraFormat> ParseLoraFormat(absl::string_view name);

// "diffsynth, comfyui, ..." for messages.
[[nodiscard]] std::string LoraFormatNames();

// The keys of one module. `alpha` is a 0-dim tensor's key, empty in a format
// without one (there alpha / rank is part of B).
struct LoraKeys {
  std::string a;
  std::string b;
  std::string alpha;
};

// nullopt when the format has no name for the module (kDiffusers and modules
// that diffusers does not have).
[[nodiscard]] std::optional<LoraKeys> LoraKeysFor(LoraFormat format,
                                                  absl::string_view module);

enum class LoraPart { kA, kB, kAlpha };

struct LoraKey {
  std::string module;
  LoraPart part = LoraPart::kA;
};

// The inverse of LoraKeysFor for the keys of any format, mixed spellings
// included: strips the prefixes of the formats and `pipe.dit.`, `.default` and
// a `.module` behind a block's index (DiffSynth's fp8 wrapper leaves it), and
// translates diffusers' names. nullopt for a key with no known ending. The
// module is not checked against any model.
[[nodiscard]] std::optional<LoraKey> ParseLoraKey(absl::string_view key);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_LORA_NAMES_H_
