#include "common/stage/data_set.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/data/cache_key.h"
#include "common/data/content_hashes.h"
#include "common/data/latent_cache.h"
#include "common/data/metadata.h"
#include "common/encoders/text_cleaning.h"
#include "common/runtime/random_sample.h"
#include "common/train/training_source.h"

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

Shape LatentsShape(const DataConfig& data, int64_t channels) {
  const int64_t space = channels == 48 ? 16 : 8;
  return {1, channels, (data.frames - 1) / 4 + 1, data.height / space,
          data.width / space};
}

}  // namespace

Shape RandomLatentsShape(const JobConfig& config,
                         const WanArchitecture& architecture) {
  return LatentsShape(config.data, architecture.out_channels);
}

Shape RandomConditionShape(const JobConfig& config,
                           const WanArchitecture& architecture) {
  if (architecture.condition_channels() == 0) return {};
  Shape shape = RandomLatentsShape(config, architecture);
  shape[1] = architecture.condition_channels();
  return shape;
}

absl::StatusOr<DataSet> ScanDataSet(
    const JobConfig& config, const WanArchitecture& architecture,
    const std::function<void(const std::string&)>& on_progress) {
  if (config.data.is_random()) return RandomDataSet(config.data);
  const bool skip = config.data.on_bad_file == BadFilePolicy::kSkip;
  DataSet set;
  HP_ASSIGN_OR_RETURN(std::vector<Sample> rows,
                      LoadSamples({.root = config.data.path,
                                   .metadata = config.data.metadata,
                                   .missing = skip ? &set.warnings : nullptr,
                                   .warnings = &set.warnings}));
  HP_ASSIGN_OR_RETURN(LatentCache cache,
                      LatentCache::Open(config.data.cache_folder()));
  ContentHashes hashes(cache.hash_index_path());
  HP_ASSIGN_OR_RETURN(EncoderDigests digests,
                      DigestEncoders(config.model, &hashes));
  Sha256 digest;
  int64_t read = 0;
  for (const Sample& row : rows) {
    if (on_progress) {
      on_progress(
          absl::StrCat("reading the data set ", read++, "/", rows.size()));
    }
    absl::StatusOr<std::string> media_digest = hashes.DigestOf(row.media_path);
    if (!media_digest.ok() && skip) {
      set.warnings.push_back(std::string(media_digest.status().message()));
      continue;
    }
    HP_ASSIGN_OR_RETURN(const std::string media, std::move(media_digest));
    const std::string latents_key = LatentsKey(
        {.media_digest = media,
         .height = config.data.height,
         .width = config.data.width,
         .max_pixels = config.data.max_pixels,
         .frames = config.data.frames,
         .vae_digest = digests.vae,
         .conditioning =
             architecture.condition_channels() > 0 ? "first_frame" : "none",
         .clip_digest = ""});
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
  // The index only saves time: a failure to write it is no failure.
  hashes.Save().IgnoreError();
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
