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
// included: NativeModuleOf what stands before one of the endings `.lora_A`,
// `.lora_down`, `.lora.down`, `_lora.down`, `.lora_linear_layer.down` (B
// likewise), each alone or with `.weight` or `.NAME.weight` (peft's adapter)
// behind it, or before `.alpha`. nullopt for a key with no known ending. The
// module is not checked against any model.
[[nodiscard]] std::optional<LoraKey> ParseLoraKey(absl::string_view key);

// The native path of a module as any program spells it: without the prefixes
// of the formats and those of wrappers (`pipe.dit.`, `model.diffusion_model.`,
// `module.`, `_orig_mod.`, ...; DiffSynth's `.module` behind a block's index),
// from diffusers' names, and from names with underscores for dots
// (`lora_unet_`, `lora_unet__`, `lycoris_`). `transformer_2.` and `dit2.` go
// too.
[[nodiscard]] std::string NativeModuleOf(absl::string_view path);

// The native name of the tensor that `key` holds a difference of, whole and
// not as a product: `blocks.0.self_attn.q.diff` (weight), `.diff_b` (bias),
// `blocks.0.diff_m` and `blocks.0.modulation.diff` (modulation), `.w_norm` and
// `.b_norm`. nullopt for a key of another kind.
[[nodiscard]] std::optional<std::string> ParseLoraDifference(
    absl::string_view key);

// The key of such a difference; nullopt in a format without a spelling for it
// (all but kComfyUi and kLightx2v).
[[nodiscard]] std::optional<std::string> LoraDifferenceKey(
    LoraFormat format, absl::string_view tensor);

// Another kind of adapter that `key` belongs to ("DoRA", "LoKr", ...), whose
// matrices alone are not its update; empty for none that is known.
[[nodiscard]] absl::string_view OtherAdapterKind(absl::string_view key);

// Whether `key` belongs to the second expert of a model with two, as diffusers
// (`transformer_2.`) and DiffSynth (`pipe.dit2.`) spell it.
[[nodiscard]] bool IsSecondExpertKey(absl::string_view key);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_LORA_NAMES_H_
