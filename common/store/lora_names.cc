#include "common/store/lora_names.h"

#include <tuple>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/wan_names.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kMusubiPrefix = "lora_unet_";

struct FormatRow {
  LoraFormat format;
  absl::string_view name;
  absl::string_view prefix;
  absl::string_view a;
  absl::string_view b;
  absl::string_view alpha;
};

constexpr FormatRow kFormats[] = {
    {LoraFormat::kDiffSynth, "diffsynth", "", ".lora_A.default.weight",
     ".lora_B.default.weight", ""},
    {LoraFormat::kComfyUi, "comfyui", "diffusion_model.", ".lora_A.weight",
     ".lora_B.weight", ".alpha"},
    {LoraFormat::kDiffusers, "diffusers", "transformer.", ".lora_A.weight",
     ".lora_B.weight", ""},
    {LoraFormat::kPeft, "peft", "base_model.model.", ".lora_A.weight",
     ".lora_B.weight", ""},
    {LoraFormat::kMusubi, "musubi", kMusubiPrefix, ".lora_down.weight",
     ".lora_up.weight", ".alpha"},
    {LoraFormat::kLightx2v, "lightx2v", "diffusion_model.", ".lora_down.weight",
     ".lora_up.weight", ".alpha"},
};

// Of the formats, and what programs leave of their own object's names.
constexpr absl::string_view kPrefixes[] = {
    "base_model.model.",
    "diffusion_model.",
    "transformer.",
    "transformer_2.",
    "pipe.",
    "dit.",
    "dit2.",
    "vace.",
    "module.",
    "_orig_mod.",
    "model.",
};

// Of them, what diffusers and DiffSynth call the second expert.
constexpr absl::string_view kSecondExperts[] = {"transformer_2.", "dit2."};

// In front of a path whose dots are underscores; the longer one stands first.
constexpr absl::string_view kFlatPrefixes[] = {"lora_unet__", kMusubiPrefix,
                                               "lycoris_", "lora_transformer_"};

// Elements that DDP, torch.compile, FSDP and checkpointing put into a path.
constexpr absl::string_view kWrappers[] = {"_orig_mod", "_fsdp_wrapped_module",
                                           "_checkpoint_wrapped_module"};

// At the end, before ".weight", or before an adapter's name and ".weight".
constexpr std::pair<absl::string_view, LoraPart> kMatrices[] = {
    {".lora_A", LoraPart::kA},
    {".lora_B", LoraPart::kB},
    {".lora_down", LoraPart::kA},
    {".lora_up", LoraPart::kB},
    {".lora.down", LoraPart::kA},
    {".lora.up", LoraPart::kB},
    {"_lora.down", LoraPart::kA},
    {"_lora.up", LoraPart::kB},
    {".lora_linear_layer.down", LoraPart::kA},
    {".lora_linear_layer.up", LoraPart::kB},
};

// What ends a key that holds a whole difference, and the parameter it is of.
constexpr std::pair<absl::string_view, absl::string_view> kDifferences[] = {
    {".diff", ".weight"},       {".diff_b", ".bias"}, {".w_norm", ".weight"},
    {".diff_m", ".modulation"}, {".b_norm", ".bias"},
};

// Parameters that are a path of their own, without ".weight".
constexpr absl::string_view kBareParameters[] = {".modulation", ".emb_pos"};

struct KindRow {
  absl::string_view mark;  // a path element begins with it
  absl::string_view kind;
};

constexpr KindRow kOtherKinds[] = {
    {"dora_scale", "DoRA"},
    {"lora_magnitude_vector", "DoRA"},
    {"lokr_", "LoKr"},
    {"hada_", "LoHa"},
    {"oft_", "OFT"},
    {"boft_", "BOFT"},
    {"glora_", "GLoRA"},
    {"ia3_", "IA3"},
    {"on_input", "IA3"},
    {"lora_mid", "LoCon with a third matrix"},
    {"lora_embedding_", "an embedding's LoRA"},
    {"vera_lambda", "VeRA"},
    {"set_weight", "a replaced weight"},
    {"reshape_weight", "a reshaped weight"},
};

const FormatRow& RowOf(LoraFormat format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row;
  }
  CheckFailed(__FILE__, __LINE__, "format is listed");
}

bool IsIndex(absl::string_view element) {
  for (char c : element) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return !element.empty();
}

bool IsWrapper(absl::string_view element,
               const std::vector<absl::string_view>& before) {
  if (element == "module") return !before.empty() && IsIndex(before.back());
  return absl::c_linear_search(kWrappers, element);
}

// "blocks.0.module.self_attn.q" -> "blocks.0.self_attn.q".
std::string DropWrappers(absl::string_view path) {
  std::vector<absl::string_view> kept;
  for (absl::string_view element : absl::StrSplit(path, '.')) {
    if (!IsWrapper(element, kept)) kept.push_back(element);
  }
  return absl::StrJoin(kept, ".");
}

// Exporters stack prefixes ("base_model.model.transformer.").
absl::string_view StripPrefixes(absl::string_view path) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (absl::string_view prefix : kPrefixes) {
      stripped = absl::ConsumePrefix(&path, prefix) || stripped;
    }
  }
  return path;
}

std::string Dotted(absl::string_view path) {
  for (absl::string_view prefix : kFlatPrefixes) {
    if (absl::ConsumePrefix(&path, prefix)) return UnflattenNative(path);
  }
  // A wrapper may stand before a prefix.
  const std::string unwrapped = DropWrappers(path);
  return std::string(StripPrefixes(unwrapped));
}

// "x.lora_A", "x.lora_A.weight", "x.lora_A.NAME.weight" -> "x", kA.
std::optional<std::pair<absl::string_view, LoraPart>> SplitMatrix(
    absl::string_view key) {
  const bool weight = absl::ConsumeSuffix(&key, ".weight");
  const absl::string_view shorter =
      weight ? key.substr(0, key.rfind('.')) : key;
  for (absl::string_view path : {key, shorter}) {
    for (const auto& [ending, part] : kMatrices) {
      if (absl::ConsumeSuffix(&path, ending)) return std::pair(path, part);
    }
  }
  return std::nullopt;
}

}  // namespace

absl::string_view LoraFormatName(LoraFormat format) {
  return RowOf(format).name;
}

std::optional<LoraFormat> ParseLoraFormat(absl::string_view name) {
  for (const FormatRow& row : kFormats) {
    if (row.name == name) return row.format;
  }
  return std::nullopt;
}

std::string LoraFormatNames() {
  return absl::StrJoin(kFormats, ", ",
                       [](std::string* out, const FormatRow& row) {
                         absl::StrAppend(out, row.name);
                       });
}

std::optional<LoraKeys> LoraKeysFor(LoraFormat format,
                                    absl::string_view module) {
  std::string path(module);
  if (format == LoraFormat::kDiffusers) {
    std::optional<std::string> renamed = NativeToDiffusers(module);
    if (!renamed) return std::nullopt;
    path = *std::move(renamed);
  }
  if (format == LoraFormat::kMusubi) {
    path = absl::StrReplaceAll(module, {{".", "_"}});
  }
  const FormatRow& row = RowOf(format);
  LoraKeys keys{absl::StrCat(row.prefix, path, row.a),
                absl::StrCat(row.prefix, path, row.b), ""};
  if (!row.alpha.empty()) {
    keys.alpha = absl::StrCat(row.prefix, path, row.alpha);
  }
  return keys;
}

std::string NativeModuleOf(absl::string_view path) {
  std::string module = Dotted(path);
  // No linear layer has a name that means different modules in the two
  // spellings, so a name that is native already stays as it is.
  return DiffusersToNative(module).value_or(module);
}

std::optional<LoraKey> ParseLoraKey(absl::string_view key) {
  absl::string_view path = key;
  LoraPart part = LoraPart::kAlpha;
  if (!absl::ConsumeSuffix(&path, ".alpha")) {
    const auto matrix = SplitMatrix(key);
    if (!matrix) return std::nullopt;
    std::tie(path, part) = *matrix;
  }
  std::string module = NativeModuleOf(path);
  if (module.empty()) return std::nullopt;
  return LoraKey{std::move(module), part};
}

std::optional<std::string> ParseLoraDifference(absl::string_view key) {
  for (const auto& [ending, parameter] : kDifferences) {
    absl::string_view path = key;
    if (!absl::ConsumeSuffix(&path, ending)) continue;
    const std::string module = NativeModuleOf(path);
    if (module.empty()) return std::nullopt;
    const bool bare = absl::c_any_of(kBareParameters, [&](auto name) {
      return absl::EndsWith(module, name);
    });
    return bare && parameter == ".weight" ? module
                                          : absl::StrCat(module, parameter);
  }
  return std::nullopt;
}

std::optional<std::string> LoraDifferenceKey(LoraFormat format,
                                             absl::string_view tensor) {
  if (format != LoraFormat::kComfyUi && format != LoraFormat::kLightx2v) {
    return std::nullopt;
  }
  const absl::string_view prefix = RowOf(format).prefix;
  if (format == LoraFormat::kLightx2v &&
      absl::ConsumeSuffix(&tensor, ".modulation")) {
    return absl::StrCat(prefix, tensor, ".diff_m");
  }
  if (absl::ConsumeSuffix(&tensor, ".bias")) {
    return absl::StrCat(prefix, tensor, ".diff_b");
  }
  absl::ConsumeSuffix(&tensor, ".weight");
  return absl::StrCat(prefix, tensor, ".diff");
}

absl::string_view OtherAdapterKind(absl::string_view key) {
  for (absl::string_view element : absl::StrSplit(key, '.')) {
    for (const KindRow& row : kOtherKinds) {
      if (absl::StartsWith(element, row.mark)) return row.kind;
    }
  }
  return "";
}

bool IsSecondExpertKey(absl::string_view key) {
  const absl::string_view before =
      key.substr(0, key.size() - StripPrefixes(key).size());
  return absl::c_any_of(kSecondExperts, [&](absl::string_view second) {
    const size_t at = before.find(second);
    return at == 0 || (at != before.npos && before[at - 1] == '.');
  });
}

}  // namespace halfpipe
