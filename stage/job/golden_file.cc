#include "stage/job/golden_file.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/lora_names.h"
#include "common/store/tensor_archive.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

constexpr double kLargestRank = 1e6;

// Inputs that some variant takes; every one but latents, timestep, context and
// target is optional here and checked against the model when it is fed.
const std::set<std::string>& KnownInputs() {
  static const auto& inputs = *new std::set<std::string>{
      "latents", "timestep", "context", "target", "y", "clip_feature"};
  return inputs;
}

// Collects everything that is wrong with a file before it is refused.
class Problems {
 public:
  explicit Problems(std::string path) : path_(std::move(path)) {}

  template <typename... Parts>
  void Add(const Parts&... parts) {
    lines_.push_back(absl::StrCat(path_, ": ", parts...));
  }

  [[nodiscard]] absl::Status status() const {
    if (lines_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

void ReadMetadata(const std::map<std::string, std::string>& metadata,
                  GoldenFile* golden, Problems* problems) {
  auto find = [&](const char* key) -> std::string {
    auto it = metadata.find(key);
    return it == metadata.end() ? "" : it->second;
  };
  double rank = 0.0;
  // A decimal number, so "4.0" counts too. Written so that NaN fails.
  if (!absl::SimpleAtod(find("rank"), &rank) ||
      !(rank >= 1 && rank <= kLargestRank) || rank != std::floor(rank)) {
    problems->Add("metadata 'rank' is '", find("rank"),
                  "', expected a positive whole number");
  } else {
    golden->rank = static_cast<int64_t>(rank);
  }
  if (!absl::SimpleAtod(find("alpha"), &golden->alpha) ||
      !std::isfinite(golden->alpha)) {
    problems->Add("metadata 'alpha' is '", find("alpha"),
                  "', expected a number");
  }
  golden->first_frame_given = find("first_frame_given") == "true";
}

void TakeLora(const std::string& key, const at::Tensor& tensor,
              GoldenFile* golden, Problems* problems) {
  const std::optional<LoraKey> parsed = ParseLoraKey(key);
  if (!parsed.has_value() || parsed->part == LoraPart::kAlpha) {
    problems->Add("key 'lora.", key, "' is no LoRA matrix; expected ",
                  "lora.<module>.lora_A.default.weight or lora_B");
    return;
  }
  GoldenFile::Adapter& adapter = golden->lora[parsed->module];
  const bool is_b = parsed->part == LoraPart::kB;
  at::Tensor& matrix = is_b ? adapter.b : adapter.a;
  if (matrix.defined()) {
    problems->Add("key 'lora.", key, "': the file has this matrix twice, ",
                  "under another name too");
    return;
  }
  matrix = tensor.to(at::kFloat);
  const int64_t found = tensor.dim() == 2 ? tensor.size(is_b ? 1 : 0) : -1;
  if (found != golden->rank) {
    problems->Add("key 'lora.", key, "': shape ", ShapeString(ShapeOf(tensor)),
                  " does not fit rank ", golden->rank);
  }
}

// `matrix` is what the gradient of `key` is of; undefined: missing itself.
void CheckGradient(const GoldenFile& golden, const std::string& key,
                   const at::Tensor& matrix, Problems* problems) {
  auto it = golden.gradients.find(key);
  if (it == golden.gradients.end()) {
    problems->Add("key 'grad.", key, "' is missing");
  } else if (matrix.defined() && it->second.sizes() != matrix.sizes()) {
    problems->Add("key 'grad.", key, "': expected the shape of its matrix, ",
                  ShapeString(ShapeOf(matrix)), ", found ",
                  ShapeString(ShapeOf(it->second)));
  }
}

void CheckComplete(const GoldenFile& golden, Problems* problems) {
  for (const char* name : {"latents", "timestep", "context", "target"}) {
    if (golden.inputs.count(name) == 0) {
      problems->Add("key 'in.", name, "' is missing");
    }
  }
  if (!golden.prediction.defined()) {
    problems->Add("key 'out.prediction' is missing");
  }
  if (!golden.loss.defined()) problems->Add("key 'out.loss' is missing");
  if (golden.lora.empty()) problems->Add("there is no key 'lora.*'");
  std::set<std::string> expected;
  for (const auto& [module, adapter] : golden.lora) {
    for (bool is_b : {false, true}) {
      const std::string key = GoldenLoraKey(module, is_b);
      expected.insert(key);
      if (!(is_b ? adapter.b : adapter.a).defined()) {
        problems->Add("key 'lora.", key, "' is missing");
      }
      CheckGradient(golden, key, is_b ? adapter.b : adapter.a, problems);
    }
  }
  for (const auto& [key, gradient] : golden.gradients) {
    if (expected.count(key) == 0) {
      problems->Add("key 'grad.", key, "' has no LoRA matrix");
    }
  }
}

void CheckShapes(const GoldenFile& golden, Problems* problems) {
  const at::Tensor& latents = golden.inputs.at("latents");
  if (latents.dim() != 5 || latents.numel() == 0) {
    problems->Add("in.latents: expected shape (B, C, F, H, W), found ",
                  ShapeString(ShapeOf(latents)));
    return;
  }
  const int64_t batch = latents.size(0);
  for (const auto& [name, tensor] : golden.inputs) {
    if (tensor.dim() == 0 || tensor.size(0) != batch) {
      problems->Add("in.", name, ": expected ", batch,
                    " samples in the first dimension, found shape ",
                    ShapeString(ShapeOf(tensor)));
    }
  }
  if (golden.inputs.at("timestep").dim() != 1) {
    problems->Add("in.timestep: expected shape (B)");
  }
  if (golden.inputs.at("context").dim() != 3) {
    problems->Add("in.context: expected shape (B, L, text_dim)");
  }
  for (const at::Tensor& tensor :
       {golden.inputs.at("target"), golden.prediction}) {
    if (tensor.sizes() != latents.sizes()) {
      problems->Add("in.target and out.prediction: expected the shape of ",
                    "in.latents, found ", ShapeString(ShapeOf(tensor)));
    }
  }
  if (golden.loss.numel() != 1) problems->Add("out.loss: expected one number");
}

}  // namespace

int64_t GoldenFile::batch() const { return inputs.at("latents").size(0); }

std::string GoldenLoraKey(const std::string& module, bool is_b) {
  const LoraKeys keys = *LoraKeysFor(LoraFormat::kDiffSynth, module);
  return is_b ? keys.b : keys.a;
}

absl::StatusOr<GoldenFile> ReadGoldenFile(
    const std::string& path, const std::vector<ModelInput>& extra_inputs) {
  std::set<std::string> known = KnownInputs();
  for (const ModelInput& input : extra_inputs) known.insert(input.name);
  HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                      OpenTensorArchive(path));
  HP_ASSIGN_OR_RETURN(auto tensors, ReadArchivedTensors(*archive));
  GoldenFile golden;
  Problems problems(path);
  ReadMetadata(archive->metadata(), &golden, &problems);
  HP_RETURN_IF_ERROR(problems.status());
  for (const auto& [name, tensor] : tensors) {
    absl::string_view key = name;
    if (absl::ConsumePrefix(&key, "in.")) {
      if (known.count(std::string(key)) == 0) {
        problems.Add("key '", name, "' is no input that halfpipe knows");
        continue;
      }
      golden.inputs[std::string(key)] = tensor.to(at::kFloat);
    } else if (absl::ConsumePrefix(&key, "lora.")) {
      TakeLora(std::string(key), tensor, &golden, &problems);
    } else if (absl::ConsumePrefix(&key, "grad.")) {
      golden.gradients[std::string(key)] = tensor.to(at::kFloat);
    } else if (name == "out.prediction") {
      golden.prediction = tensor.to(at::kFloat);
    } else if (name == "out.loss") {
      golden.loss = tensor.to(at::kFloat);
    } else {
      problems.Add("key '", name, "' is not part of a golden file");
    }
  }
  CheckComplete(golden, &problems);
  HP_RETURN_IF_ERROR(problems.status());
  CheckShapes(golden, &problems);
  HP_RETURN_IF_ERROR(problems.status());
  return golden;
}

absl::StatusOr<GoldenSource> GoldenSource::Create(const GoldenFile* golden,
                                                  int64_t parts) {
  const int64_t batch = golden->batch();
  if (parts < 1 || parts > batch) {
    return absl::InvalidArgumentError(
        absl::StrCat("--micro-batches ", parts, ": the golden file has ", batch,
                     " samples, so 1 to ", batch, " parts are possible"));
  }
  std::vector<Part> cut;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t begin = batch * i / parts;
    cut.push_back({begin, batch * (i + 1) / parts - begin});
  }
  return GoldenSource(golden, std::move(cut));
}

GoldenSource::GoldenSource(const GoldenFile* golden, std::vector<Part> parts)
    : golden_(golden), parts_(std::move(parts)) {}

at::Tensor GoldenSource::Slice(const std::string& name,
                               const Part& part) const {
  auto it = golden_->inputs.find(name);
  if (it == golden_->inputs.end()) return at::Tensor();
  return it->second.narrow(0, part.begin, part.size).contiguous();
}

absl::StatusOr<MicrobatchData> GoldenSource::Load(const StepPlan& /*plan*/,
                                                  Microbatch microbatch) {
  const Part& part = parts_.at(static_cast<size_t>(microbatch.value()));
  MicrobatchData data;
  data.inputs.latents = Slice("latents", part);
  data.inputs.timestep = Slice("timestep", part);
  data.inputs.context = Slice("context", part);
  data.inputs.y = Slice("y", part);
  data.inputs.clip_feature = Slice("clip_feature", part);
  for (const auto& [name, tensor] : golden_->inputs) {
    if (KnownInputs().count(name) != 0) continue;
    data.inputs.extra[name] = Slice(name, part);
  }
  data.inputs.first_frame_given = golden_->first_frame_given;
  data.target = Slice("target", part);
  data.gradient_share = ShareOf(microbatch);
  return data;
}

absl::StatusOr<MicrobatchShape> GoldenSource::ShapeOfPart(
    Microbatch microbatch) const {
  const Part& part = parts_.at(static_cast<size_t>(microbatch.value()));
  const at::Tensor& latents = golden_->inputs.at("latents");
  MicrobatchShape shape{.batch = part.size,
                        .frames = latents.size(2),
                        .rows = latents.size(3),
                        .columns = latents.size(4),
                        .text_tokens = golden_->inputs.at("context").size(1),
                        .first_frame_given = golden_->first_frame_given};
  if (auto it = golden_->inputs.find("clip_feature");
      it != golden_->inputs.end()) {
    shape.image_tokens = it->second.size(1);
  }
  return shape;
}

double GoldenSource::ShareOf(Microbatch microbatch) const {
  const Part& part = parts_.at(static_cast<size_t>(microbatch.value()));
  return static_cast<double>(part.size) / static_cast<double>(golden_->batch());
}

}  // namespace halfpipe
