#include "common/store/peft_config.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxConfigBytes = 1 << 20;
constexpr int kConfigDepth = 16;

// Starts that leave the base's weights as they are. With others (pissa, olora,
// corda, loftq) B A is an update of weights that the start has changed.
bool KeepsBase(const json& start) {
  return !start.is_string() || start == "gaussian" || start == "eva";
}

absl::StatusOr<PeftScale> ScaleFrom(const json& config) {
  auto number = [&config](const char* name) -> std::optional<double> {
    auto field = config.find(name);
    if (field == config.end() || !field->is_number()) return std::nullopt;
    return field->get<double>();
  };
  auto is_set = [&config](const char* name) {
    auto field = config.find(name);
    if (field == config.end() || field->is_null()) return false;
    return field->is_boolean() ? field->get<bool>() : !field->empty();
  };
  std::optional<double> rank = number("r");
  std::optional<double> alpha = number("lora_alpha");
  if (!rank || !alpha || *rank < 1 || *rank > 1e6 || *alpha <= 0 ||
      !std::isfinite(*alpha)) {
    return absl::InvalidArgumentError(
        "\"r\" and \"lora_alpha\" are not positive numbers");
  }
  for (const char* name : {"rank_pattern", "alpha_pattern", "use_dora"}) {
    if (!is_set(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name,
                     "\" is set, which is not supported; merge the adapter or "
                     "save it with one rank and alpha for all modules"));
  }
  const auto start = config.find("init_lora_weights");
  if (start != config.end() && !KeepsBase(*start)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"init_lora_weights\" is ", start->dump(),
        ", which changes the weights of the base; convert the adapter to a "
        "plain LoRA with peft (path_initial_model_for_weight_conversion)"));
  }
  double divisor = is_set("use_rslora") ? std::sqrt(*rank) : *rank;
  return PeftScale{static_cast<int64_t>(*rank), *alpha / divisor};
}

}  // namespace

absl::StatusOr<std::optional<PeftScale>> ReadPeftScale(
    const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return std::optional<PeftScale>();
  if (!text.ok()) return text.status();
  absl::StatusOr<json> config = ParseStrictJson(*text, kConfigDepth);
  if (!config.ok()) return Annotate(config.status(), path);
  if (!config->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no object"));
  }
  absl::StatusOr<PeftScale> scale = ScaleFrom(*config);
  if (!scale.ok()) return Annotate(scale.status(), path);
  return std::optional<PeftScale>(*scale);
}

absl::StatusOr<std::optional<PeftScale>> ReadDiffusersScale(
    const std::string& text, const std::string& prefix) {
  absl::StatusOr<json> fields = ParseStrictJson(text, kConfigDepth);
  if (!fields.ok()) return Annotate(fields.status(), kDiffusersConfigKey);
  if (!fields->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kDiffusersConfigKey, " is no object"));
  }
  json config = json::object();
  for (const auto& [name, value] : fields->items()) {
    absl::string_view field = name;
    if (!absl::ConsumePrefix(&field, prefix)) continue;
    // Another part's, where this one has no prefix.
    if (!absl::StrContains(field, '.')) config[std::string(field)] = value;
  }
  if (config.empty()) return std::optional<PeftScale>();
  absl::StatusOr<PeftScale> scale = ScaleFrom(config);
  if (!scale.ok()) return Annotate(scale.status(), kDiffusersConfigKey);
  return std::optional<PeftScale>(*scale);
}

std::string PeftConfig(int64_t rank, const std::vector<std::string>& modules) {
  json config = {{"peft_type", "LORA"},   {"r", rank},
                 {"lora_alpha", rank},    {"lora_dropout", 0.0},
                 {"bias", "none"},        {"target_modules", modules},
                 {"inference_mode", true}};
  return config.dump(2) + "\n";
}

}  // namespace halfpipe
