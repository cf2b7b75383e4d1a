#include "stage/job/sample_encoder.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>

#include <filesystem>
#include <utility>

#include "common/base/disk_full.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "stage/data/decoder_client.h"
#include "stage/encoders/conditioning.h"
#include "stage/encoders/wan_vae.h"
#include "stage/job/data_set.h"
#include "stage/job/job_encoders.h"
#include "stage/job/media_reading.h"
#include "stage/job/sample_media.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

struct Caption {
  std::string prompt;
  std::string path;
  std::string sample;  // whose it is, for messages
};

bool Exists(const std::string& path) { return std::filesystem::exists(path); }

absl::Status StopRequested() {
  return absl::CancelledError("encoding was stopped");
}

// A value that is not finite would spoil every step that the sample is in, and
// the cache would hand it to later jobs. What goes in is finite (tokens,
// pixels), so that it can only come from the encoder's weights.
absl::Status CheckFinite(const at::Tensor& values, const std::string& key,
                         const std::string& model, const std::string& what) {
  if (at::isfinite(values).all().item<bool>()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      key, ": ", model, " gives values that are not finite for ", what,
      ": its weights hold NaN or infinity; get that file again"));
}

class Encoding {
 public:
  Encoding(const JobConfig& config, const ModelSpec& model_spec,
           const SampleEncoderOptions& options, std::stop_token stop)
      : config_(config),
        model_spec_(model_spec),
        options_(options),
        stop_(std::move(stop)) {}

  absl::Status EncodeCaptions(const std::vector<Caption>& captions,
                              EncodeResult* result) {
    if (captions.empty()) return absl::OkStatus();
    Progress(StageWork::kLoadingTextEncoder, 0, captions.size());
    HP_ASSIGN_OR_RETURN(Tokenizer tokenizer, OpenTokenizer(config_.model));
    HP_ASSIGN_OR_RETURN(
        Umt5Encoder encoder,
        OpenTextEncoder(config_.model, options_.device, &result->loads));
    HP_RETURN_IF_ERROR(
        CheckTextEncoderFits(config_.model, encoder, model_spec_));
    for (size_t i = 0; i < captions.size(); ++i) {
      if (stop_.stop_requested()) return StopRequested();
      Progress(StageWork::kEncodingCaptions, i, captions.size());
      if (Exists(captions[i].path)) continue;
      HP_ASSIGN_OR_RETURN(TokenizedPrompt tokens,
                          tokenizer.Tokenize(captions[i].prompt));
      HP_ASSIGN_OR_RETURN(at::Tensor context, encoder.Encode(tokens));
      HP_RETURN_IF_ERROR(CheckFinite(context, "model.text_encoder",
                                     config_.model.text_encoder,
                                     captions[i].sample));
      HP_RETURN_IF_ERROR(
          WriteContext(captions[i].path, context, tokens.length));
    }
    return absl::OkStatus();
  }

  absl::Status EncodeClips(const std::vector<SampleRef>& samples,
                           EncodeResult* result) {
    std::vector<DecodeItem> items;
    std::vector<const SampleRef*> refs;
    for (const SampleRef& sample : samples) {
      if (Exists(sample.latents_path)) continue;
      items.push_back(MediaItem(config_.data, sample.media_path));
      refs.push_back(&sample);
    }
    if (items.empty()) return absl::OkStatus();
    Progress(StageWork::kLoadingVae, 0, items.size());
    HP_ASSIGN_OR_RETURN(
        WanVae vae, OpenVae(config_.model, options_.device, &result->loads));
    HP_RETURN_IF_ERROR(CheckVaeFits(config_.model, vae, model_spec_));
    DecoderClient decoder({.program = options_.decoder_program});
    return decoder.DecodeBatch(
        items, [&](size_t i, absl::StatusOr<DecodedClip> clip) {
          return EncodeClip(vae, *refs[i], std::move(clip), i, items.size(),
                            result);
        });
  }

 private:
  absl::Status EncodeClip(const WanVae& vae, const SampleRef& sample,
                          absl::StatusOr<DecodedClip> clip, size_t index,
                          size_t count, EncodeResult* result) {
    if (stop_.stop_requested()) return StopRequested();
    Progress(StageWork::kEncodingClips, index, count);
    if (clip.ok()) {
      absl::Status still =
          CheckStill(config_.data, model_spec_, sample.media_path, clip->facts);
      if (!still.ok()) clip = std::move(still);
    }
    // It is no fault of the sample's.
    if (IsWaitedFor(clip.status())) return clip.status();
    if (!clip.ok()) {
      RejectSample(sample, clip.status(), result);
      return absl::OkStatus();
    }
    NoteLength(config_.data, sample, clip->facts, result);
    const at::Tensor frames = at::from_blob(
        clip->rgb.data(),
        {clip->frames, clip->size.height, clip->size.width, 3}, at::kByte);
    HP_ASSIGN_OR_RETURN(at::Tensor video,
                        PixelsToVideo(frames.to(options_.device)));
    LatentSample encoded;
    HP_ASSIGN_OR_RETURN(encoded.latents, vae.Encode(video));
    HP_RETURN_IF_ERROR(CheckFinite(encoded.latents, "model.vae",
                                   config_.model.vae, sample.media_path));
    if (model_spec_.condition_channels() > 0) {
      HP_ASSIGN_OR_RETURN(encoded.y, EncodeGivenFrames(vae, video));
      HP_RETURN_IF_ERROR(CheckFinite(encoded.y, "model.vae", config_.model.vae,
                                     sample.media_path));
    }
    HP_RETURN_IF_ERROR(WriteLatentSample(sample.latents_path, encoded));
    ++result->encoded;
    return absl::OkStatus();
  }

  void Progress(StageWork work, size_t done, size_t count) const {
    options_.on_progress(
        {work, static_cast<int64_t>(done), static_cast<int64_t>(count)});
  }

  const JobConfig& config_;
  const ModelSpec& model_spec_;
  const SampleEncoderOptions& options_;
  std::stop_token stop_;
};

}  // namespace

absl::StatusOr<EncodeResult> EncodeSamples(
    const JobConfig& config, const ModelSpec& model_spec,
    const std::vector<SampleRef>& samples, const SampleEncoderOptions& options,
    std::stop_token stop) {
  return TorchGuard("encode", [&]() -> absl::StatusOr<EncodeResult> {
    std::vector<Caption> captions;
    for (const SampleRef& sample : samples) {
      if (Exists(sample.context_path)) continue;
      captions.push_back({sample.prompt, sample.context_path,
                          absl::StrCat("the caption of ", sample.media_path)});
    }
    if (config.train.caption_dropout > 0.0) {
      HP_ASSIGN_OR_RETURN(std::string path, EmptyCaptionPath(config));
      if (!Exists(path)) captions.push_back({"", path, "the empty caption"});
    }
    EncodeResult result;
    Encoding encoding(config, model_spec, options, std::move(stop));
    HP_RETURN_IF_ERROR(encoding.EncodeCaptions(captions, &result));
    HP_RETURN_IF_ERROR(encoding.EncodeClips(samples, &result));
    return result;
  });
}

}  // namespace halfpipe
