#include "stage/job/data_set.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/data/metadata.h"
#include "common/jobs/random_sample.h"
#include "stage/data/cache_key.h"
#include "stage/data/content_hashes.h"
#include "stage/data/latent_cache.h"
#include "stage/encoders/text_cleaning.h"
#include "stage/wan/boundary.h"

namespace halfpipe {
namespace {

// Digests of what the encoders are made of; each is the content's.
struct EncoderDigests {
  std::string text_encoder;
  std::string tokenizer;
  std::string vae;
};

absl::StatusOr<std::string> DigestOf(const std::string& key,
                                     const std::string& path,
                                     ContentHashes* hashes) {
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model.", key, ": is missing; training from clips needs it"));
  }
  absl::StatusOr<std::string> digest = hashes->DigestOf(path);
  if (!digest.ok()) {
    return Annotate(digest.status(), absl::StrCat("model.", key));
  }
  return digest;
}

absl::StatusOr<EncoderDigests> DigestEncoders(const ModelConfig& model,
                                              ContentHashes* hashes) {
  EncoderDigests digests;
  HP_ASSIGN_OR_RETURN(digests.text_encoder,
                      DigestOf("text_encoder", model.text_encoder, hashes));
  HP_ASSIGN_OR_RETURN(digests.tokenizer,
                      DigestOf("tokenizer", model.tokenizer, hashes));
  HP_ASSIGN_OR_RETURN(digests.vae, DigestOf("vae", model.vae, hashes));
  return digests;
}

std::string ContextPath(const LatentCache& cache, const std::string& prompt,
                        const EncoderDigests& digests) {
  return cache.PathOf(
      CacheKind::kContext,
      ContextKey(CleanPrompt(prompt), digests.text_encoder, digests.tokenizer));
}

std::string KeyOf(const JobConfig& config, const ModelSpec& model_spec,
                  const std::string& media_digest,
                  const std::optional<MediaFacts>& facts,
                  const std::string& vae_digest) {
  const DecodeItem item = MediaItem(config.data, "");
  const ReadingParts parts{.frames = config.data.frames,
                           .background = item.background,
                           .refuse_alpha = item.refuse_transparency};
  return LatentsKey(
      {.media_digest = media_digest,
       .height = config.data.height,
       .width = config.data.width,
       .max_pixels = config.data.max_pixels,
       .frames = config.data.frames,
       .vae_digest = vae_digest,
       .conditioning =
           model_spec.condition_channels() > 0 ? "first_frame" : "none",
       .clip_digest = "",
       .reading = facts.has_value() ? ReadingOf(*facts, parts) : ""});
}

// Which media are trained. Those that are refused for what they are are
// problems, or warnings with data.on_bad_file `skip`.
absl::StatusOr<std::vector<bool>> JudgeMedia(
    const JobConfig& config, const ModelSpec& model_spec,
    const std::vector<MediumRef>& media,
    const std::vector<std::optional<MediaFacts>>& facts, DataSet* set) {
  std::vector<std::string> paths, problems;
  std::vector<bool> is_used(media.size(), true);
  for (size_t i = 0; i < media.size(); ++i) {
    paths.push_back(media[i].path);
    if (!facts[i].has_value()) continue;
    const absl::Status still =
        CheckStill(config.data, model_spec, media[i].path, *facts[i]);
    is_used[i] = still.ok();
    if (!still.ok()) problems.emplace_back(still.message());
  }
  const bool skip = config.data.on_bad_file == BadFilePolicy::kSkip;
  const bool none_left = problems.size() == media.size();
  const absl::Status frames = CheckFrames(config.data, model_spec);
  if (!frames.ok()) problems.emplace_back(frames.message());
  if (!problems.empty() && (!skip || none_left || !frames.ok())) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  }
  set->warnings.insert(set->warnings.end(), problems.begin(), problems.end());
  const std::string interlaced = InterlacedWarning(paths, facts);
  if (!interlaced.empty()) set->warnings.push_back(interlaced);
  if (config.data.frames > 1) {
    const std::string rates = FrameRateWarning(model_spec, paths, facts);
    if (!rates.empty()) set->warnings.push_back(rates);
  }
  return is_used;
}

DataSet RandomDataSet(const DataConfig& data) {
  DataSet set;
  for (int64_t i = 0; i < data.random.samples; ++i) {
    const std::string path = RandomSampleName(i);
    set.samples.push_back(
        {.row = i, .latents_path = path, .context_path = path, .cached = true});
  }
  set.digest = Sha256Hex(absl::StrCat("random ", data.random.samples));
  return set;
}

absl::StatusOr<std::vector<Sample>> LoadRows(const DataConfig& data,
                                             std::vector<std::string>* warnings,
                                             std::vector<Sample>* found) {
  const bool skip = data.on_bad_file == BadFilePolicy::kSkip;
  return LoadSamplesWithContent({.root = data.path,
                                 .metadata = data.metadata,
                                 .missing = skip ? warnings : nullptr,
                                 .warnings = warnings,
                                 .found = found});
}

Shape LatentsShape(const DataConfig& data, const LatentGrid& grid,
                   int64_t channels) {
  return {1, channels, LatentFrames(data.frames),
          data.height / grid.spatial_stride, data.width / grid.spatial_stride};
}

}  // namespace

Shape RandomLatentsShape(const JobConfig& config, const ModelSpec& model_spec) {
  return LatentsShape(config.data, model_spec.latents(),
                      model_spec.out_channels);
}

Shape RandomConditionShape(const JobConfig& config,
                           const ModelSpec& model_spec) {
  if (model_spec.condition_channels() == 0) return {};
  Shape shape = RandomLatentsShape(config, model_spec);
  shape[1] = model_spec.condition_channels();
  return shape;
}

absl::StatusOr<std::map<std::string, Shape>> RandomExtraShapes(
    const JobConfig& config, const ModelSpec& model_spec) {
  std::map<std::string, Shape> shapes;
  if (model_spec.extra_inputs.empty()) return shapes;
  const Shape latents = RandomLatentsShape(config, model_spec);
  const MicrobatchShape sample = {.batch = latents[0],
                                  .frames = latents[2],
                                  .rows = latents[3],
                                  .columns = latents[4],
                                  .text_tokens = kTextTokens};
  HP_ASSIGN_OR_RETURN(const TokenCounts counts,
                      CountTokens(model_spec, sample));
  for (const ModelInput& input : model_spec.extra_inputs) {
    shapes[input.name] = ShapeIn(input.shape, sample, counts);
  }
  return shapes;
}

absl::StatusOr<DataRows> ReadDataRows(const DataConfig& data) {
  DataRows result;
  HP_ASSIGN_OR_RETURN(result.rows,
                      LoadRows(data, &result.warnings, /*found=*/nullptr));
  return result;
}

std::vector<SampleRef> SamplesBesideProblems(const DataConfig& data) {
  if (data.is_random()) return {};
  std::vector<std::string> ignored;
  std::vector<Sample> found;
  (void)LoadRows(data, &ignored, &found);
  std::vector<SampleRef> samples;
  samples.reserve(found.size());
  for (const Sample& sample : found) {
    samples.push_back({.row = sample.row,
                       .media_path = sample.media_path,
                       .prompt = sample.prompt,
                       .latents_path = "",
                       .context_path = ""});
  }
  return samples;
}

absl::StatusOr<DataSet> ScanDataSet(const JobConfig& config,
                                    const ModelSpec& model_spec,
                                    const ProgressCallback& on_progress,
                                    const MediaProbe& probe) {
  if (config.data.is_random()) return RandomDataSet(config.data);
  HP_ASSIGN_OR_RETURN(DataRows rows, ReadDataRows(config.data));
  return ScanDataSet(config, model_spec, std::move(rows), on_progress, probe);
}

absl::StatusOr<DataSet> ScanDataSet(const JobConfig& config,
                                    const ModelSpec& model_spec, DataRows data,
                                    const ProgressCallback& on_progress,
                                    const MediaProbe& probe) {
  const bool skip = config.data.on_bad_file == BadFilePolicy::kSkip;
  DataSet set;
  set.warnings = std::move(data.warnings);
  const std::vector<Sample>& rows = data.rows;
  HP_ASSIGN_OR_RETURN(LatentCache cache,
                      LatentCache::Open(config.data.cache_folder()));
  ContentHashes hashes(cache.hash_index_path());
  HP_ASSIGN_OR_RETURN(EncoderDigests digests,
                      DigestEncoders(config.model, &hashes));
  std::vector<Sample> readable;
  std::vector<MediumRef> media;
  int64_t read = 0;
  for (const Sample& row : rows) {
    if (on_progress) {
      on_progress({StageWork::kReadingDataSet, read++,
                   static_cast<int64_t>(rows.size())});
    }
    absl::StatusOr<std::string> media_digest = hashes.DigestOf(row.media_path);
    if (!media_digest.ok()) {
      // Looked at above, so that it went or fails just now.
      if (!skip) return media_digest.status();
      set.warnings.push_back(std::string(media_digest.status().message()));
      continue;
    }
    media.push_back({row.media_path, *std::move(media_digest)});
    readable.push_back(row);
  }
  // The index only saves time: a failure to write it is no failure.
  hashes.Save().IgnoreError();
  HP_ASSIGN_OR_RETURN(const std::vector<std::optional<MediaFacts>> facts,
                      FactsOf(media, config.data.frames,
                              cache.facts_index_path(), probe, &set.warnings));
  HP_ASSIGN_OR_RETURN(const std::vector<bool> is_used,
                      JudgeMedia(config, model_spec, media, facts, &set));
  Sha256 digest;
  for (size_t i = 0; i < readable.size(); ++i) {
    if (!is_used[i]) continue;
    const Sample& row = readable[i];
    const std::string latents_key =
        KeyOf(config, model_spec, media[i].digest, facts[i], digests.vae);
    SampleRef sample{
        .row = row.row,
        .media_path = row.media_path,
        .prompt = row.prompt,
        .latents_path = cache.PathOf(CacheKind::kLatents, latents_key),
        .context_path = ContextPath(cache, row.prompt, digests)};
    const bool has_latents = std::filesystem::exists(sample.latents_path);
    const bool has_context = std::filesystem::exists(sample.context_path);
    ++(has_latents ? set.cache.latents_hits : set.cache.latents_misses);
    ++(has_context ? set.cache.context_hits : set.cache.context_misses);
    sample.cached = has_latents && has_context;
    digest.Update(absl::StrCat(
        latents_key, " ",
        sample.context_path.substr(sample.context_path.rfind('/') + 1), "\n"));
    set.samples.push_back(std::move(sample));
  }
  // Somebody must encode the empty caption: whoever gets the first sample.
  if (config.train.caption_dropout > 0.0 && !set.samples.empty() &&
      !std::filesystem::exists(ContextPath(cache, "", digests))) {
    set.samples.front().cached = false;
  }
  set.digest = digest.HexDigest();
  return set;
}

absl::StatusOr<std::string> EmptyCaptionPath(const JobConfig& config) {
  HP_ASSIGN_OR_RETURN(LatentCache cache,
                      LatentCache::Open(config.data.cache_folder()));
  ContentHashes hashes(cache.hash_index_path());
  HP_ASSIGN_OR_RETURN(EncoderDigests digests,
                      DigestEncoders(config.model, &hashes));
  return ContextPath(cache, "", digests);
}

}  // namespace halfpipe
