#include "stage/job/model_support.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"

namespace halfpipe {
namespace {

// Of the place where the experts change: people round it, and shifts differ.
constexpr double kTolerance = 0.05;

// What people call a model with an image branch.
std::string ImageModelName(const ModelSpec& wan) {
  if (wan.image_positions > 0) {
    return "Wan2.1-FLF2V (first and last frame to video)";
  }
  if (wan.condition_channels() == 2 * wan.out_channels) {
    return "Wan2.1-Fun-Control";
  }
  return "Wan2.1-I2V or Wan2.1-Fun-InP";
}

absl::Status CannotTrain(const ModelConfig& model, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "model.dit: ", model.is_random() ? model.random.variant : model.dit,
      " is ", what));
}

// What is wrong with one side; empty: nothing.
std::string SideProblem(const char* key, int64_t side, int64_t unit,
                        const ModelSpec& wan) {
  if (side % unit == 0) return "";
  const int64_t below = side - side % unit;
  return absl::StrCat(key, ": this model (", wan.Description(),
                      ") takes multiples of ", unit, ", found ", side,
                      below > 0 ? absl::StrCat(" (", below, " or ") : " (",
                      below + unit, ")");
}

// Where the grid of these timesteps reaches sigma, counted from noise.
double FractionAt(double sigma, double shift) {
  return 1.0 - sigma / (shift - (shift - 1.0) * sigma);
}

// What the expert that the file is by its name should be trained on, where the
// job trains it on more; empty: nothing to say.
std::string ExpertWarning(const std::string& dit, const TimestepConfig& trained,
                          const ModelSpec& wan) {
  const WanExpert expert = ExpertOfPath(dit);
  if (expert == WanExpert::kUnknown) return "";
  const bool high = expert == WanExpert::kHighNoise;
  // Sigma where the published models change from one expert to the other.
  const double sigma = wan.condition_channels() > 0 ? 0.9 : 0.875;
  const double change = FractionAt(sigma, trained.shift);
  const bool fits = high ? trained.max_boundary <= change + kTolerance
                         : trained.min_boundary >= change - kTolerance;
  if (fits) return "";
  return absl::StrFormat(
      "model.dit: %s is the %s-noise expert by its name, which makes videos "
      "from %s of the timesteps, but the job trains it from %g to %g: write "
      "train.timesteps.%s_boundary: %.3f",
      dit, high ? "high" : "low",
      high ? absl::StrFormat("the first %.3f", change)
           : absl::StrFormat("the last %.3f", 1.0 - change),
      trained.min_boundary, trained.max_boundary, high ? "max" : "min", change);
}

}  // namespace

absl::Status CheckCanTrain(const JobConfig& config,
                           const ModelSpec& model_spec) {
  const int64_t condition = model_spec.condition_channels();
  if (model_spec.has_image_branch()) {
    return CannotTrain(
        config.model,
        absl::StrCat(
            ImageModelName(model_spec),
            ", which takes the features of a CLIP image encoder",
            condition == 2 * model_spec.out_channels ? " and a control video"
                                                     : "",
            ": these cannot be made from clips yet, so that it cannot be "
            "trained; Wan2.2-I2V-A14B and the T2V models need none"));
  }
  if (!model_spec.extra_inputs.empty() && !config.data.is_random()) {
    return CannotTrain(
        config.model,
        absl::StrCat(
            model_spec.variant, ", which takes ",
            model_spec.extra_inputs.front().meaning,
            ": a data set of clips and captions does not hold this, so "
            "that it cannot be trained; the T2V models and "
            "Wan2.2-I2V-A14B need none"));
  }
  if (condition == 0 || config.data.is_random() ||
      model_spec.takes_first_frame()) {
    return absl::OkStatus();
  }
  return CannotTrain(
      config.model,
      absl::StrCat("a model with ", condition,
                   " channels of condition beside the ",
                   model_spec.out_channels,
                   " of its latents (a control video, a camera's path or "
                   "another input): a data set of clips and captions does not "
                   "hold these, so that it cannot be trained; the T2V models "
                   "and Wan2.2-I2V-A14B need none"));
}

absl::Status CheckPictureSize(const DataConfig& data,
                              const ModelSpec& model_spec) {
  const int64_t row = model_spec.height_unit();
  const int64_t column = model_spec.width_unit();
  if (data.height == 0) {
    // Clips' own sizes are cut to multiples of 16.
    if (16 % row == 0 && 16 % column == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("data.height: is missing: this model (",
                     model_spec.Description(), ") takes multiples of ", row,
                     ", and the clips' own sizes are multiples "
                     "of 16; give data.height and data.width"));
  }
  std::vector<std::string> problems;
  for (std::string problem :
       {SideProblem("data.height", data.height, row, model_spec),
        SideProblem("data.width", data.width, column, model_spec)}) {
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

std::vector<std::string> ModelWarnings(const JobConfig& config,
                                       const ModelSpec& model_spec) {
  const ModelConfig& model = config.model;
  std::vector<std::string> warnings;
  if (!model.clip.empty() && !model_spec.has_image_branch()) {
    warnings.push_back(absl::StrCat(
        "model.clip: ", model.clip, " is not used: this model (",
        model_spec.Description(), ") takes no features of an image encoder"));
  }
  if (model_spec.has_frame_timesteps()) {
    warnings.emplace_back(
        "the model is TI2V-5B, which is trained here from text to video; its "
        "other use, to continue a first frame, is not trained");
  }
  std::string expert =
      ExpertWarning(model.dit, config.train.timesteps, model_spec);
  if (!expert.empty()) warnings.push_back(std::move(expert));
  return warnings;
}

}  // namespace halfpipe
