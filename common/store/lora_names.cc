#include "common/store/lora_names.h"

#include <utility>
#include <vector>

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

constexpr absl::string_view kPrefixes[] = {
    "base_model.model.", "diffusion_model.", "transformer.",
    "pipe.dit.",         "pipe.vace.",
};

constexpr std::pair<absl::string_view, LoraPart> kEndings[] = {
    {".lora_A.default.weight", LoraPart::kA},
    {".lora_A.weight", LoraPart::kA},
    {".lora_down.default.weight", LoraPart::kA},
    {".lora_down.weight", LoraPart::kA},
    {".lora_B.default.weight", LoraPart::kB},
    {".lora_B.weight", LoraPart::kB},
    {".lora_up.default.weight", LoraPart::kB},
    {".lora_up.weight", LoraPart::kB},
    {".alpha", LoraPart::kAlpha},
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

// "blocks.0.module.self_attn.q" -> "blocks.0.self_attn.q".
std::string DropWrapper(absl::string_view path) {
  std::vector<absl::string_view> kept;
  for (absl::string_view element : absl::StrSplit(path, '.')) {
    bool wrapper = element == "module" && !kept.empty() && IsIndex(kept.back());
    if (!wrapper) kept.push_back(element);
  }
  return absl::StrJoin(kept, ".");
}

std::string NativeModule(absl::string_view path) {
  if (absl::ConsumePrefix(&path, kMusubiPrefix)) return UnflattenNative(path);
  // Exporters stack prefixes ("base_model.model.transformer.").
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (absl::string_view prefix : kPrefixes) {
      stripped = absl::ConsumePrefix(&path, prefix) || stripped;
    }
  }
  std::string module = DropWrapper(path);
  // No linear layer has a name that means different modules in the two
  // spellings, so a name that is native already stays as it is.
  return DiffusersToNative(module).value_or(module);
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

std::optional<LoraKey> ParseLoraKey(absl::string_view key) {
  for (const auto& [ending, part] : kEndings) {
    absl::string_view path = key;
    if (!absl::ConsumeSuffix(&path, ending)) continue;
    std::string module = NativeModule(path);
    if (module.empty()) return std::nullopt;
    return LoraKey{std::move(module), part};
  }
  return std::nullopt;
}

}  // namespace halfpipe
