#include "stage/job/model_source.h"

#include <algorithm>
#include <vector>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/model/known_variants.h"
#include "common/store/model_file_kind.h"

namespace halfpipe {
namespace {

constexpr uint64_t kSampledBytes = 4096;

// A variant that the user states must not contradict the weights.
absl::Status CheckStatedVariant(const ModelConfig& config,
                                const ModelSpec& found) {
  if (config.variant == "auto" || config.variant.empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<ModelSpec> stated =
      KnownModel(config.variant, found.layers);
  if (!stated.ok()) return Annotate(stated.status(), "model.variant");
  if (stated->in_channels == found.in_channels &&
      stated->out_channels == found.out_channels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "model.variant: ", config.variant, " has ", stated->in_channels,
      " input and ", stated->out_channels, " output channels, but ", config.dit,
      " is ", found.Description(), " with ", found.in_channels, " and ",
      found.out_channels, "; write 'auto' or name the other variant"));
}

}  // namespace

absl::StatusOr<ModelSource> ModelSource::Open(const ModelConfig& config) {
  ModelSource source;
  if (config.is_random()) {
    const absl::StatusOr<ModelSpec> known =
        KnownModel(config.random.variant, config.random.layers);
    if (!known.ok()) return Annotate(known.status(), "model.random.variant");
    const ModelSpec& model_spec = *known;
    source.random_label_ = absl::StrCat(
        config.random.variant, " ", model_spec.layers, " ", config.random.seed);
    source.weights_ = std::make_unique<RandomWeights>(
        model_spec, static_cast<uint64_t>(config.random.seed));
    return source;
  }
  absl::StatusOr<WanCheckpoint> opened = OpenWanCheckpoint(config.dit);
  if (!opened.ok()) return Annotate(opened.status(), "model.dit");
  WanCheckpoint& checkpoint = *opened;
  source.checkpoint_ = std::make_unique<WanCheckpoint>(std::move(checkpoint));
  source.weights_ =
      std::make_unique<CheckpointWeights>(source.checkpoint_.get());
  HP_RETURN_IF_ERROR(CheckStatedVariant(config, source.spec()));
  return source;
}

absl::Status ModelSource::CheckIsWhole() const {
  if (checkpoint_ == nullptr) return absl::OkStatus();
  const absl::Status is_whole = CheckHasNoHoles(*checkpoint_->archive);
  return is_whole.ok() ? is_whole : Annotate(is_whole, "model.dit");
}

absl::StatusOr<std::string> ModelSource::Fingerprint() const {
  Sha256 sha;
  sha.Update(random_label_);
  if (checkpoint_ == nullptr) return sha.HexDigest();
  std::vector<char> sample(kSampledBytes);
  for (const auto& [name, tensor] : checkpoint_->archive->tensors()) {
    sha.Update(absl::StrCat(name, " ", DTypeName(tensor.dtype), " ",
                            ShapeString(tensor.shape), "\n"));
    const uint64_t bytes = std::min(tensor.bytes, kSampledBytes);
    HP_RETURN_IF_ERROR(
        checkpoint_->archive->ReadRange(name, 0, bytes, sample.data()));
    sha.Update(sample.data(), bytes);
  }
  return sha.HexDigest();
}

std::string ModelSource::Identity() const {
  const std::string content =
      checkpoint_ == nullptr ? random_label_ : checkpoint_->archive->stamp();
  if (content.empty()) return "";
  // The number of heads is no tensor's shape: config.json may say it.
  return absl::StrCat(content, spec().Description(), " ", spec().heads,
                      " heads");
}

}  // namespace halfpipe
