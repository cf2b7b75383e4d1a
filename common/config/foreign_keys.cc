#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "common/config/schema.h"

namespace halfpipe {
namespace {

constexpr double kDefaultShift = 5.0;
constexpr int kMaxDepth = 3;       // of sections; a mapping may hold itself
constexpr int kMaxEntries = 5000;  // looked at, with those that are repeated

std::optional<double> Number(const YAML::Node& node) {
  double number = 0.0;
  if (!node.IsDefined() || !node.IsScalar() ||
      !absl::SimpleAtod(node.Scalar(), &number) || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<double> FindNumberIn(const YAML::Node& node,
                                   absl::Span<const absl::string_view> names,
                                   int depth, int* entries) {
  if (!node.IsMap() || depth > kMaxDepth) return std::nullopt;
  for (const auto& entry : node) {
    if (--*entries < 0) return std::nullopt;
    if (!entry.first.IsScalar()) continue;
    const bool is_named = std::find(names.begin(), names.end(),
                                    entry.first.Scalar()) != names.end();
    if (const auto number = Number(entry.second); number && is_named) {
      return number;
    }
  }
  for (const auto& entry : node) {
    if (*entries < 0) return std::nullopt;
    const auto number = FindNumberIn(entry.second, names, depth + 1, entries);
    if (number) return number;
  }
  return std::nullopt;
}

// The first number under one of `names`, in whichever section.
std::optional<double> FindNumber(const YAML::Node& document,
                                 absl::Span<const absl::string_view> names) {
  int entries = kMaxEntries;
  return FindNumberIn(document, names, 0, &entries);
}

// Up to three decimals: the grid of timesteps has a thousand places.
std::string Fraction(double value) {
  std::string text = absl::StrFormat("%.3f", value);
  while (absl::EndsWith(text, "0") && !absl::EndsWith(text, ".0")) {
    text.pop_back();
  }
  return text;
}

double ShiftOf(const YAML::Node& document) {
  for (const absl::string_view name :
       {"shift", "sigma_shift", "discrete_flow_shift", "flow_shift"}) {
    const auto shift = FindNumber(document, {name});
    if (shift && *shift > 0.0) return *shift;
  }
  return kDefaultShift;
}

// Of a place in noise, 1 being pure noise: the fraction of the grid, which
// begins with noise.
double BoundaryOf(double t, double shift) {
  return 1.0 - t / (shift - (shift - 1.0) * t);
}

// The value as a share of noise: musubi and diffusion-pipe's trainers count to
// 1000 under some names, and to 1 under others.
std::optional<double> NoiseShare(absl::string_view name,
                                 const YAML::Node& value) {
  std::optional<double> t = Number(value);
  if (!t) return std::nullopt;
  const bool in_thousands =
      *t > 1.0 || (absl::EndsWith(name, "timestep") &&
                   !absl::StrContains(value.Scalar(), '.'));
  if (in_thousands) *t /= 1000.0;
  if (*t < 0.0 || *t > 1.0) return std::nullopt;
  return t;
}

// min_t and its like: the least noise that is trained is where the trained part
// of the grid ends.
std::string BoundaryHint(absl::string_view name, absl::string_view key,
                         const YAML::Node& value, const YAML::Node& document) {
  const double shift = ShiftOf(document);
  const std::string shift_text = Fraction(shift);
  std::string hint = absl::StrCat(
      "it counts noise (1 or 1000 is pure noise), and train.timesteps.", key,
      " is a place on the grid, which begins with noise: ");
  const auto t = NoiseShare(name, value);
  if (!t) {
    return absl::StrCat(hint,
                        "write 1 - t / (s - (s - 1) t) with t from 0 to "
                        "1 and the shift s, here ",
                        shift_text);
  }
  return absl::StrCat(hint, "write ", key, ": ",
                      Fraction(BoundaryOf(*t, shift)), " (with shift ",
                      shift_text, ")");
}

// One key that divides the two experts.
std::string ExpertHint(const YAML::Node& value, const YAML::Node& document) {
  const auto t = NoiseShare("timestep_boundary", value);
  if (!t) {
    return "each expert is a job of its own here, with "
           "train.timesteps.{min_boundary,max_boundary}";
  }
  const std::string boundary = Fraction(BoundaryOf(*t, ShiftOf(document)));
  return absl::StrCat(
      "it counts noise, and each expert is a job of its own here: write "
      "train.timesteps.max_boundary: ",
      boundary, " for the high-noise one and min_boundary: ", boundary,
      " for the low-noise one (with shift ", Fraction(ShiftOf(document)), ")");
}

std::string MicroBatchHint(const YAML::Node& document) {
  const double batch = FindNumber(document, {"batch_size", "train_batch_size",
                                             "micro_batch_size_per_gpu"})
                           .value_or(1.0);
  const double accumulated =
      FindNumber(document, {"gradient_accumulation_steps"}).value_or(1.0);
  std::string hint =
      "train.micro_batches counts all samples of a step, batch size times "
      "accumulation steps";
  const double product = batch * accumulated;
  if (product >= 1.0 && product <= 4096.0) {
    absl::StrAppend(&hint, ": write micro_batches: ", std::floor(product));
  }
  return hint;
}

std::string MinutesHint(const YAML::Node& value) {
  const auto minutes = Number(value);
  return absl::StrCat(
      "output.save_every takes a duration, where a bare number counts steps: "
      "write save_every: ",
      minutes ? absl::StrCat(*minutes) : "30", "min");
}

std::string WarmupHint(const YAML::Node& value, const YAML::Node& document) {
  const auto warmup = Number(value);
  if (!warmup || *warmup <= 0.0 || *warmup >= 1.0) {
    return "it is called train.lr_schedule.warmup_steps here";
  }
  const auto steps =
      FindNumber(document, {"steps", "max_train_steps", "max_steps"});
  return absl::StrCat(
      "train.lr_schedule.warmup_steps counts steps, not a share of them",
      steps ? absl::StrCat(": write warmup_steps: ",
                           std::llround(*steps * *warmup))
            : "");
}

std::string WeightingHint(const YAML::Node& value) {
  const std::string text = value.IsScalar() ? value.Scalar() : "";
  if (text == "none") return "write train.timesteps.weighting: none";
  return "it chooses how timesteps are drawn, or another weight of the loss; "
         "here they are drawn evenly from the shifted grid, and "
         "train.timesteps.weighting is gaussian or none";
}

std::string PrecisionHint(const YAML::Node& value) {
  const std::string text = value.IsScalar() ? value.Scalar() : "";
  if (text == "bf16") return "write pipeline.dtype: bf16";
  if (text == "no" || text == "fp32") return "write pipeline.dtype: fp32";
  return "pipeline.dtype is bf16 or fp32";
}

bool IsOneOf(absl::string_view name,
             absl::Span<const absl::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string ForeignKeyHint(absl::string_view name, const YAML::Node& value,
                           const YAML::Node& document) {
  if (IsOneOf(name,
              {"min_t", "t_min", "min_timestep", "min_sigma", "sigma_min"})) {
    return BoundaryHint(name, "max_boundary", value, document);
  }
  if (IsOneOf(name,
              {"max_t", "t_max", "max_timestep", "max_sigma", "sigma_max"})) {
    return BoundaryHint(name, "min_boundary", value, document);
  }
  if (IsOneOf(name, {"timestep_boundary", "switch_boundary", "boundary",
                     "boundary_ratio"})) {
    return ExpertHint(value, document);
  }
  if (IsOneOf(name, {"gradient_accumulation_steps", "batch_size",
                     "train_batch_size", "micro_batch_size_per_gpu"})) {
    return MicroBatchHint(document);
  }
  if (IsOneOf(name, {"checkpoint_every_n_minutes", "save_every_n_minutes"})) {
    return MinutesHint(value);
  }
  if (IsOneOf(name, {"epochs", "num_epochs", "max_train_epochs",
                     "num_train_epochs", "save_every_n_epochs"})) {
    return "epochs are not counted here: train.steps and output.save_every "
           "count steps; a round through the data set has samples * "
           "data.repeat / train.micro_batches of them";
  }
  if (IsOneOf(name, {"fps", "target_fps", "source_fps", "frame_rate"})) {
    return "frames are not resampled: convert clips with another rate first "
           "(ffmpeg -i IN -vf fps=16 OUT)";
  }
  if (IsOneOf(name, {"resolution", "resolutions"})) {
    return "write data.height and data.width";
  }
  if (IsOneOf(name, {"frame_buckets", "target_frames"})) {
    return "write data.frames, 4k+1: 81, say";
  }
  if (IsOneOf(name, {"image_directory", "video_directory", "jsonl_file",
                     "image_jsonl_file", "video_jsonl_file", "datasets",
                     "directory"})) {
    return "write data.path, the folder of the clips, and data.metadata where "
           "a list names them";
  }
  if (IsOneOf(name, {"network", "network_dim", "network_alpha", "adapter"})) {
    return "write lora.rank and lora.alpha";
  }
  if (name == "lr_warmup_steps") return WarmupHint(value, document);
  if (name == "weighting_scheme") return WeightingHint(value);
  if (name == "mixed_precision") return PrecisionHint(value);
  if (IsOneOf(name, {"fp8_base", "fp8_scaled", "quantization"})) {
    return "write model.weights: fp8 (or fp8_compute), or leave it out for "
           "bf16";
  }
  if (IsOneOf(name, {"gradient_checkpointing", "activation_checkpointing"})) {
    return "pipeline.memory says it here: recompute, keep or offload; auto "
           "chooses what fits";
  }
  if (IsOneOf(name, {"logging_dir", "log_dir", "log_tracker_name"})) {
    return "curves are written into the folder metrics of output.dir, and "
           "output.metrics chooses as what";
  }
  if (IsOneOf(name, {"use_wandb", "enable_wandb", "wandb"})) {
    return "curves are files here: output.metrics has jsonl and tensorboard, "
           "which wandb sync --sync-tensorboard takes";
  }
  if (IsOneOf(name, {"blocks_to_swap", "offload"})) {
    return "weights stay on the GPUs here; pipeline.memory decides what "
           "happens to activations (auto chooses what fits "
           "pipeline.gpu_memory), and model.weights: fp8 halves the weights";
  }
  return "";
}

}  // namespace halfpipe
