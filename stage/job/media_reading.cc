#include "stage/job/media_reading.h"

#include <cmath>
#include <cstdint>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/config/job_config.h"
#include "stage/data/media_facts_index.h"

namespace halfpipe {
namespace {

bool IsFar(double rate, double from) {
  constexpr double kFar = 1.2;
  return rate > from * kFar || rate * kFar < from;
}

// A model that continues a given frame learns nothing of use from one alone.
bool TakesStills(const DataConfig& data, const ModelSpec& model_spec) {
  return model_spec.condition_channels() == 0 ||
         data.stills == StillsPolicy::kTrain;
}

// As few decimals as the number needs, two at most.
std::string RateText(double rate) {
  return absl::StrCat(std::round(rate * 100.0) / 100.0);
}

// "a, b and 3 more".
std::string FirstNames(const std::vector<std::string>& names) {
  constexpr size_t kMaxNamed = 20;
  if (names.size() <= kMaxNamed) return absl::StrJoin(names, ", ");
  return absl::StrCat(
      absl::StrJoin(names.begin(), names.begin() + kMaxNamed, ", "), " and ",
      names.size() - kMaxNamed, " more");
}

// Beside how many frames are looked at, facts do not depend on the job.
DecodeItem ProbeItem(const std::string& path, int64_t frames) {
  DecodeItem item;
  item.path = path;
  item.mode = DecodeMode::kProbe;
  item.frames = static_cast<uint32_t>(frames);
  // Any size that every file can be brought to.
  item.height = item.width = 16;
  return item;
}

}  // namespace

DecodeItem MediaItem(const DataConfig& data, const std::string& path) {
  const std::optional<AlphaChoice> alpha = ParseAlphaChoice(data.alpha);
  HP_CHECK(alpha.has_value());
  return {.path = path,
          .mode = DecodeMode::kPixels,
          .frames = static_cast<uint32_t>(data.frames),
          .height = static_cast<uint32_t>(data.height),
          .width = static_cast<uint32_t>(data.width),
          .max_pixels = static_cast<uint32_t>(data.max_pixels),
          .background = alpha->background,
          .refuse_transparency = alpha->refuse};
}

absl::Status CheckStill(const DataConfig& data, const ModelSpec& model_spec,
                        const std::string& path, const MediaFacts& facts) {
  if (!facts.is_picture || TakesStills(data, model_spec)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   ": is a picture, and this model learns the frames that "
                   "follow a first one; a picture has none. Remove it, or set "
                   "data.stills: train to train on it nevertheless"));
}

absl::Status CheckFrames(const DataConfig& data, const ModelSpec& model_spec) {
  if (data.frames > 1 || TakesStills(data, model_spec)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "data.frames: 1 makes a still of every clip, and this model learns the "
      "frames that follow a first one; give 5 or more, or set data.stills: "
      "train to train on stills all the same");
}

std::string FrameRateWarning(
    const ModelSpec& model_spec, const std::vector<std::string>& paths,
    const std::vector<std::optional<MediaFacts>>& facts) {
  const double expected = model_spec.latents().frames_per_second;
  std::vector<std::string> far;
  size_t clips = 0;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!facts[i].has_value() || facts[i]->is_picture) continue;
    ++clips;
    const double rate = facts[i]->frames_per_second;
    if (rate <= 0.0 || !IsFar(rate, expected)) continue;
    far.push_back(absl::StrCat(paths[i], " (", RateText(rate), ")"));
  }
  if (far.empty()) return "";
  return absl::StrCat(
      far.size(), " of ", clips, far.size() == 1 ? " clips does" : " clips do",
      " not have the ", RateText(expected),
      " frames a second that this model makes. Frames are not resampled, so it "
      "learns slower or faster motion; convert them if you do not want that: ",
      FirstNames(far));
}

std::string InterlacedWarning(
    const std::vector<std::string>& paths,
    const std::vector<std::optional<MediaFacts>>& facts) {
  std::vector<std::string> interlaced;
  size_t clips = 0;
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!facts[i].has_value() || facts[i]->is_picture) continue;
    ++clips;
    if (facts[i]->is_interlaced) interlaced.push_back(paths[i]);
  }
  if (interlaced.empty()) return "";
  return absl::StrCat(
      interlaced.size(), " of ", clips,
      interlaced.size() == 1 ? " clips is" : " clips are",
      " interlaced: a frame holds the lines of two moments, and the model "
      "learns the combs that this makes of motion; deinterlace them, for "
      "example with ffmpeg's -vf yadif: ",
      FirstNames(interlaced));
}

absl::StatusOr<std::vector<std::optional<MediaFacts>>> FactsOf(
    const std::vector<MediumRef>& media, int64_t frames,
    const std::string& index_path, const MediaProbe& probe,
    std::vector<std::string>* warnings) {
  MediaFactsIndex index(index_path);
  std::vector<std::optional<MediaFacts>> facts(media.size());
  // Where each unknown content lies; copies of it are looked at once.
  std::unordered_map<std::string, size_t> places;
  std::vector<DecodeItem> unknown;
  for (size_t i = 0; i < media.size(); ++i) {
    facts[i] = index.Find(media[i].digest, frames);
    if (facts[i].has_value() ||
        !places.emplace(media[i].digest, unknown.size()).second) {
      continue;
    }
    unknown.push_back(ProbeItem(media[i].path, frames));
  }
  if (unknown.empty() || !probe) return facts;
  absl::StatusOr<std::vector<absl::StatusOr<MediaFacts>>> found =
      probe(unknown);
  if (absl::IsFailedPrecondition(found.status())) {
    warnings->push_back(absl::StrCat(
        std::string(found.status().message()),
        "; media are taken for what they were when the cache was filled"));
    return facts;
  }
  HP_RETURN_IF_ERROR(found.status());
  for (size_t i = 0; i < media.size(); ++i) {
    if (facts[i].has_value()) continue;
    const absl::StatusOr<MediaFacts>& result =
        (*found)[places.at(media[i].digest)];
    if (!result.ok()) continue;
    facts[i] = *result;
    index.Remember(media[i].digest, frames, *result);
  }
  // The index only saves time: a failure to write it is no failure.
  index.Save().IgnoreError();
  return facts;
}

}  // namespace halfpipe
