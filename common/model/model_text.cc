#include "common/model/model_text.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/for_each.h"
#include "common/model/linear_shapes.h"
#include "common/store/lora_file.h"

namespace halfpipe {
namespace {

using Json = nlohmann::json;

int64_t Parameters(const ModelSpec& model) {
  int64_t count = 0;
  for (const auto& [name, shape] : WanTensors(model)) {
    count += ElementCount(shape);
  }
  return count;
}

double Millions(int64_t count) { return static_cast<double>(count) / 1e6; }

class Rows {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    absl::StrAppendFormat(&text_, "%-13s%s\n",
                          name.empty() ? "" : absl::StrCat(name, ":"), value);
  }

  void AddList(absl::string_view name, const std::vector<std::string>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      Add(i == 0 ? name : "", values[i]);
    }
  }

  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string InputLine(const ModelInput& input) {
  return absl::StrCat(input.name, " ", ToText(input.shape), ": ",
                      input.meaning);
}

std::string SplitLine(const SplitTensor& tensor) {
  return absl::StrCat(tensor.name, " ", ToText(tensor.shape),
                      tensor.is_float32 ? ", float32" : ", compute dtype",
                      tensor.needs_grad ? ", gradient comes back" : "");
}

std::string ModuleLine(const ExtraModule& module) {
  return absl::StrCat(module.prefix, " (", module.kind, ") after block ",
                      module.after_block);
}

// The layers that a LoRA can sit on, as one block's: with their sizes, "a 5120
// -> 13824".
std::vector<std::string> LinearLines(const ModelSpec& model) {
  const LinearShapes shapes = LinearShapesOf(model);
  const auto line = [&](const std::string& layer, const std::string& shown) {
    const LinearShape& shape = shapes.at(layer);
    return absl::StrCat(shown, " ", shape.in, " -> ", shape.out);
  };
  std::vector<std::string> lines;
  for (const std::string& linear : BlockLinears(model)) {
    lines.push_back(line(absl::StrCat("blocks.0.", linear), linear));
  }
  for (const ExtraModule& module : model.extra_modules) {
    for (const std::string& linear : module.linears) {
      lines.push_back(line(module.prefix + linear, module.prefix + linear));
    }
  }
  return lines;
}

void AddSizes(const ModelSpec& model, Rows* rows) {
  const LatentGrid& grid = model.latents();
  const BlockParameters block = BlockParametersOf(model);
  rows->Add("variant", model.Description());
  rows->Add("width",
            absl::StrCat(model.dim, ", ", model.heads, " heads of ",
                         model.head_dim(), ", feed-forward ", model.ffn_dim));
  rows->Add("blocks",
            absl::StrFormat("%d of %.1f million parameters", model.layers,
                            Millions(block.matrices + block.rest +
                                     block.extra_matrices + block.extra_rest)));
  rows->Add("parameters",
            absl::StrFormat("%.0f million", Millions(Parameters(model))));
  rows->Add("latents", absl::StrFormat(
                           "%d channels, a cell is %d frames of %d x %d "
                           "pixels (%s)",
                           model.out_channels, kTemporalStride,
                           grid.spatial_stride, grid.spatial_stride, grid.vae));
  rows->Add("clips", absl::StrFormat("4k+1 frames, %g a second; height a "
                                     "multiple of %d, width of %d",
                                     grid.frames_per_second,
                                     model.height_unit(), model.width_unit()));
  rows->Add("text", absl::StrCat(kTextTokens, " tokens of ", model.text_dim));
}

}  // namespace

std::string ModelText(const ModelSpec& model) {
  Rows rows;
  AddSizes(model, &rows);
  std::vector<std::string> lines;
  for (const ModelInput& input : InputsOf(model)) {
    lines.push_back(InputLine(input));
  }
  rows.AddList("inputs", lines);
  lines.clear();
  for (const SplitTensor& tensor : SplitTensorsOf(model)) {
    lines.push_back(SplitLine(tensor));
  }
  rows.AddList("split", lines);
  rows.AddList("layers", LinearLines(model));
  lines.clear();
  for (const ExtraModule& module : model.extra_modules) {
    lines.push_back(ModuleLine(module));
  }
  rows.AddList("modules", lines);
  return rows.Take();
}

nlohmann::json ModelJson(const ModelSpec& model) {
  const LatentGrid& grid = model.latents();
  const BlockParameters block = BlockParametersOf(model);
  Json json = {
      {"variant", model.Description()},
      HP_MEMBERS(model, dim, ffn_dim, heads),
      {"blocks", model.layers},
      {"text_dim", model.text_dim},
      {"text_tokens", kTextTokens},
      {"freq_dim", model.freq_dim},
      {"patch", {model.patch_frames, model.patch_rows, model.patch_columns}},
      {"parameters", Parameters(model)},
      {"block_parameters",
       {{"matrices", block.matrices + block.extra_matrices},
        {"rest", block.rest + block.extra_rest}}},
      {"latents",
       {{"channels", model.out_channels},
        {"temporal_stride", kTemporalStride},
        HP_MEMBERS(grid, spatial_stride, vae)}},
      {"clips",
       {{"frames_per_second", grid.frames_per_second},
        {"height_multiple", model.height_unit()},
        {"width_multiple", model.width_unit()}}}};
  for (const ModelInput& input : InputsOf(model)) {
    json["inputs"].push_back({{"name", input.name},
                              {"shape", ToText(input.shape)},
                              {"meaning", input.meaning}});
  }
  for (const SplitTensor& tensor : SplitTensorsOf(model)) {
    json["split"].push_back(
        {{"name", tensor.name},
         {"shape", ToText(tensor.shape)},
         {"dtype", tensor.is_float32 ? "float32" : "compute"},
         {"needs_grad", tensor.needs_grad}});
  }
  for (const auto& [name, shape] : LinearShapesOf(model)) {
    json["layers"].push_back({{"name", name}, HP_MEMBERS(shape, in, out)});
  }
  json["modules"] = Json::array();
  for (const ExtraModule& module : model.extra_modules) {
    json["modules"].push_back({HP_MEMBERS(module, kind, prefix, after_block)});
  }
  return json;
}

}  // namespace halfpipe
