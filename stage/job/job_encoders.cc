#include "stage/job/job_encoders.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/store/model_file_kind.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

// A text encoder has rows to spare behind its tokenizer's last piece (UMT5-XXL
// 384 at most); another model's tokenizer leaves thousands.
constexpr int64_t kMostSpareRows = 1024;

// google/umt5-xxl's config.json.
constexpr int64_t kXxlWidth = 4096;
constexpr int64_t kXxlLayers = 24;

at::ScalarType EncoderDType(at::Device device) {
  return device.is_cuda() ? at::kBFloat16 : at::kFloat;
}

// Notes how long it took to read what.
void NoteLoad(const std::string& part, const TensorArchive& archive,
              absl::Time begin, std::vector<ModelLoad>* loads) {
  if (loads == nullptr) return;
  ModelLoad load{.part = part,
                 .seconds = absl::ToDoubleSeconds(SteadyNow() - begin)};
  for (const auto& [name, tensor] : archive.tensors()) {
    load.bytes += static_cast<int64_t>(tensor.bytes);
  }
  loads->push_back(std::move(load));
}

// Where nothing is read, the caller asks once it knows that the file is right.
absl::Status CheckBeforeReading(absl::string_view key, const std::string& path,
                                at::Device device) {
  return device.is_meta() ? absl::OkStatus() : CheckPartIsWhole(key, path);
}

// Whose VAE it is that makes so many channels.
std::string VaeOwner(int64_t channels) {
  const LatentGrid& own = LatentGridOf(channels);
  const LatentGrid& other =
      own == kWan22Latents ? kWan21Latents : kWan22Latents;
  return absl::StrCat("it is the VAE of ", own.vae_users, " (", own.vae,
                      "), and this model needs ", other.vae);
}

}  // namespace

absl::StatusOr<Tokenizer> OpenTokenizer(const ModelConfig& model) {
  if (model.tokenizer.empty()) {
    return absl::InvalidArgumentError(
        "model.tokenizer: is missing; training from clips needs it");
  }
  absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(model.tokenizer);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), "model.tokenizer");
  return tokenizer;
}

absl::StatusOr<Umt5Encoder> OpenTextEncoder(const ModelConfig& model,
                                            at::Device device,
                                            std::vector<ModelLoad>* loads) {
  const absl::Time begin = SteadyNow();
  HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                      OpenModelPart("model.text_encoder", model.text_encoder,
                                    ModelFileKind::kTextEncoder));
  HP_RETURN_IF_ERROR(
      CheckBeforeReading("model.text_encoder", model.text_encoder, device));
  absl::StatusOr<Umt5Encoder> encoder =
      Umt5Encoder::Load(*archive, device, EncoderDType(device));
  if (!encoder.ok()) {
    return Annotate(absl::Status(encoder.status().code(),
                                 absl::StrCat(encoder.status().message(),
                                              PartHint(model.text_encoder))),
                    "model.text_encoder");
  }
  NoteLoad("text_encoder", *archive, begin, loads);
  return encoder;
}

absl::StatusOr<WanVae> OpenVae(const ModelConfig& model, at::Device device,
                               std::vector<ModelLoad>* loads) {
  const absl::Time begin = SteadyNow();
  HP_ASSIGN_OR_RETURN(
      std::unique_ptr<TensorArchive> archive,
      OpenModelPart("model.vae", model.vae, ModelFileKind::kVae));
  HP_RETURN_IF_ERROR(CheckBeforeReading("model.vae", model.vae, device));
  absl::StatusOr<WanVae> vae =
      WanVae::Load(*archive, device, EncoderDType(device));
  if (!vae.ok()) return Annotate(vae.status(), "model.vae");
  NoteLoad("vae", *archive, begin, loads);
  return vae;
}

absl::Status CheckTextEncoderFits(const ModelConfig& model,
                                  const Umt5Encoder& encoder,
                                  const ModelSpec& model_spec) {
  if (encoder.width() != model_spec.text_dim) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model.text_encoder: ", model.text_encoder, " gives ", encoder.width(),
        " features a token, but the model takes ", model_spec.text_dim,
        ": give the encoder half of UMT5-XXL that the model came with"));
  }
  // Its sizes come from the file, which would be as good without its last ones.
  if (encoder.width() == kXxlWidth && encoder.layers() != kXxlLayers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model.text_encoder: ", model.text_encoder, " has ", encoder.layers(),
        " layers, and UMT5-XXL has ", kXxlLayers, ": get it again, whole"));
  }
  return absl::OkStatus();
}

absl::Status CheckVaeFits(const ModelConfig& model, const WanVae& vae,
                          const ModelSpec& model_spec) {
  if (vae.latent_channels() == model_spec.out_channels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "model.vae: ", model.vae, " has ", vae.latent_channels(),
      " latent channels, but the model takes ", model_spec.out_channels, ": ",
      VaeOwner(vae.latent_channels())));
}

absl::Status CheckTokenizerFits(const ModelConfig& model,
                                const Tokenizer& tokenizer,
                                const Umt5Encoder& encoder) {
  const int64_t spare = encoder.vocabulary() - tokenizer.vocabulary();
  if (spare >= 0 && spare <= kMostSpareRows) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model.tokenizer: ", model.tokenizer, " knows ", tokenizer.vocabulary(),
      " tokens, but model.text_encoder has rows for ", encoder.vocabulary(),
      ": the two do not belong together; give google/umt5-xxl's spiece.model "
      "and UMT5-XXL"));
}

}  // namespace halfpipe
