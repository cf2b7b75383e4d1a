#include "common/stage/model_support.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// y of an image-to-video model: a mask of 4 channels and the first frame's
// latents.
constexpr int64_t kMaskChannels = 4;

// What people call a model with an image branch.
std::string ImageModelName(const WanArchitecture& wan) {
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

// Pixels that a token covers on one axis, in latent cells of 8 or 16.
int64_t PixelsOfToken(int64_t cells, const WanArchitecture& wan) {
  return cells * (wan.out_channels == 48 ? 16 : 8);
}

// What is wrong with one side; empty: nothing.
std::string SideProblem(const char* key, int64_t side, int64_t unit,
                        const WanArchitecture& wan) {
  if (side % unit == 0) return "";
  const int64_t below = side - side % unit;
  return absl::StrCat(key, ": this model (", wan.Description(),
                      ") takes multiples of ", unit, ", found ", side,
                      below > 0 ? absl::StrCat(" (", below, " or ") : " (",
                      below + unit, ")");
}

}  // namespace

absl::Status CheckCanTrain(const JobConfig& config,
                           const WanArchitecture& architecture) {
  const int64_t condition = architecture.condition_channels();
  if (architecture.has_image_branch()) {
    return CannotTrain(
        config.model,
        absl::StrCat(
            ImageModelName(architecture),
            ", which takes the features of a CLIP image encoder",
            condition == 2 * architecture.out_channels ? " and a control video"
                                                       : "",
            ": these cannot be made from clips yet, so that it cannot be "
            "trained; Wan2.2-I2V-A14B and the T2V models need none"));
  }
  if (condition == 0 || config.data.is_random() ||
      (architecture.out_channels == 16 &&
       condition == kMaskChannels + architecture.out_channels)) {
    return absl::OkStatus();
  }
  return CannotTrain(
      config.model,
      absl::StrCat("a model with ", condition,
                   " channels of condition beside the ",
                   architecture.out_channels,
                   " of its latents (a control video, a camera's path or "
                   "another input): a data set of clips and captions does not "
                   "hold these, so that it cannot be trained; the T2V models "
                   "and Wan2.2-I2V-A14B need none"));
}

absl::Status CheckPictureSize(const DataConfig& data,
                              const WanArchitecture& architecture) {
  const int64_t row = PixelsOfToken(architecture.patch_rows, architecture);
  const int64_t column =
      PixelsOfToken(architecture.patch_columns, architecture);
  if (data.height == 0) {
    // Clips' own sizes are cut to multiples of 16.
    if (16 % row == 0 && 16 % column == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("data.height: is missing: this model (",
                     architecture.Description(), ") takes multiples of ", row,
                     ", and the clips' own sizes are multiples "
                     "of 16; give data.height and data.width"));
  }
  std::vector<std::string> problems;
  for (std::string problem :
       {SideProblem("data.height", data.height, row, architecture),
        SideProblem("data.width", data.width, column, architecture)}) {
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

std::vector<std::string> ModelWarnings(const ModelConfig& model,
                                       const WanArchitecture& architecture) {
  std::vector<std::string> warnings;
  if (!model.clip.empty() && !architecture.has_image_branch()) {
    warnings.push_back(absl::StrCat(
        "model.clip: ", model.clip, " is not used: this model (",
        architecture.Description(), ") takes no features of an image encoder"));
  }
  if (architecture.has_frame_timesteps()) {
    warnings.emplace_back(
        "the model is TI2V-5B, which is trained here from text to video; its "
        "other use, which is given a first frame, is not trained");
  }
  return warnings;
}

}  // namespace halfpipe
