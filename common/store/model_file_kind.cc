#include "common/store/model_file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/random_access_file.h"

namespace halfpipe {
namespace {

// A file is of the kind if one of its names ends so. The marks of one kind are
// names that no other kind has.
struct KindMark {
  const char* ending;
  ModelFileKind kind;
};

constexpr std::array<KindMark, 21> kMarks = {{
    {"blocks.0.self_attn.norm_q.weight", ModelFileKind::kDit},
    {"condition_embedder.time_embedder.linear_1.weight", ModelFileKind::kDit},
    {"blocks.0.pos_embedding.embedding.weight", ModelFileKind::kTextEncoder},
    {"block.1.layer.0.SelfAttention.relative_attention_bias.weight",
     ModelFileKind::kTextEncoder},
    {"encoder.downsamples.0.residual.2.weight", ModelFileKind::kVae},
    {"encoder.downsamples.0.downsamples.0.residual.2.weight",
     ModelFileKind::kVae},
    {"visual.transformer.0.attn.to_qkv.weight", ModelFileKind::kClip},
    {"visual.transformer.resblocks.0.attn.in_proj_weight",
     ModelFileKind::kClip},
    {"vision_model.encoder.layers.0.self_attn.q_proj.weight",
     ModelFileKind::kClip},
    {"encoder.block.1.layer.0.SelfAttention.q.weight",
     ModelFileKind::kOtherTextEncoder},
    {"text_model.encoder.layers.0.self_attn.q_proj.weight",
     ModelFileKind::kOtherTextEncoder},
    {"layers.0.self_attn.q_proj.weight", ModelFileKind::kOtherTextEncoder},
    {"encoder.down.0.block.0.conv1.weight", ModelFileKind::kOtherVae},
    {"decoder.1.weight", ModelFileKind::kTinyVae},
    {"lora_A.weight", ModelFileKind::kLora},
    {"lora_A.default.weight", ModelFileKind::kLora},
    {"lora_down.weight", ModelFileKind::kLora},
    {"lora.down.weight", ModelFileKind::kLora},
    {"hada_w1_a", ModelFileKind::kLora},
    {"lokr_w1", ModelFileKind::kLora},
    {"lokr_w1_a", ModelFileKind::kLora},
}};

// diffusers gives the VAEs of all its models these names; Wan's convolutions
// have three axes.
ModelFileKind KindOfDiffusersVae(const Shape& first_convolution) {
  return first_convolution.size() == 5 ? ModelFileKind::kVae
                                       : ModelFileKind::kOtherVae;
}

void AddKindsOf(const std::string& name, const Shape& shape,
                std::set<ModelFileKind>* kinds) {
  if (absl::EndsWith(name, "encoder.conv_in.weight")) {
    kinds->insert(KindOfDiffusersVae(shape));
  }
  for (const KindMark& mark : kMarks) {
    if (absl::EndsWith(name, mark.ending)) kinds->insert(mark.kind);
  }
}

// The key of the job file that takes such a file; empty: none.
absl::string_view KeyOf(ModelFileKind kind) {
  switch (kind) {
    case ModelFileKind::kDit:
      return "model.dit";
    case ModelFileKind::kTextEncoder:
      return "model.text_encoder";
    case ModelFileKind::kVae:
      return "model.vae";
    case ModelFileKind::kClip:
      return "model.clip";
    case ModelFileKind::kLora:
      return "lora.init_from";
    default:
      return "";
  }
}

constexpr uint64_t kLeastJudged = uint64_t{64} << 10;
// So many that an eighth of the file holds one whole, wherever it begins.
constexpr uint64_t kStretches = 16;
constexpr uint64_t kPlaces = 32;
constexpr uint64_t kProbeBytes = 256;

absl::StatusOr<bool> IsZerosAt(const RandomAccessFile& file, uint64_t offset) {
  std::array<char, kProbeBytes> bytes{};
  HP_RETURN_IF_ERROR(file.ReadAt(offset, kProbeBytes, bytes.data()));
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char byte) { return byte == '\0'; });
}

// Ends at the first place that is not zeros, which is the first one as a rule.
absl::StatusOr<bool> IsZerosFrom(const RandomAccessFile& file, uint64_t begin,
                                 uint64_t length) {
  for (uint64_t place = 0; place < kPlaces; ++place) {
    const uint64_t offset = begin + (length - kProbeBytes) * place / kPlaces;
    HP_ASSIGN_OR_RETURN(const bool zeros, IsZerosAt(file, offset));
    if (!zeros) return false;
  }
  return true;
}

absl::Status CheckFileHasNoHoles(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::shared_ptr<const RandomAccessFile> file,
                      RandomAccessFile::Open(path));
  if (file->size() < kLeastJudged) return absl::OkStatus();
  const uint64_t length = file->size() / kStretches;
  for (uint64_t begin = 0; begin + length <= file->size(); begin += length) {
    HP_ASSIGN_OR_RETURN(const bool zeros, IsZerosFrom(*file, begin, length));
    if (!zeros) continue;
    return absl::DataLossError(absl::StrCat(
        path, " holds nothing but zeros from byte ", begin, " to ",
        begin + length,
        ": room was made for it, and its content never came; download or copy "
        "it again"));
  }
  return absl::OkStatus();
}

}  // namespace

ModelFileKind KindOfTensors(
    const std::map<std::string, ArchivedTensor>& tensors) {
  std::set<ModelFileKind> kinds;
  for (const auto& [name, tensor] : tensors) {
    AddKindsOf(name, tensor.shape, &kinds);
  }
  // UMT5 has T5's names and more; a CLIP has a text model beside the image
  // encoder.
  for (const ModelFileKind kind :
       {ModelFileKind::kTextEncoder, ModelFileKind::kClip}) {
    if (kinds.contains(kind)) kinds.erase(ModelFileKind::kOtherTextEncoder);
  }
  if (kinds.empty()) return ModelFileKind::kUnknown;
  return kinds.size() == 1 ? *kinds.begin() : ModelFileKind::kSeveral;
}

absl::string_view ModelFileKindText(ModelFileKind kind) {
  switch (kind) {
    case ModelFileKind::kDit:
      return "a Wan DiT";
    case ModelFileKind::kTextEncoder:
      return "a UMT5 text encoder";
    case ModelFileKind::kVae:
      return "a Wan VAE";
    case ModelFileKind::kClip:
      return "a CLIP image encoder";
    case ModelFileKind::kLora:
      return "a LoRA";
    case ModelFileKind::kOtherTextEncoder:
      return "a text encoder of another model";
    case ModelFileKind::kOtherVae:
      return "a VAE of another model";
    case ModelFileKind::kTinyVae:
      return "a tiny VAE for previews (taew)";
    case ModelFileKind::kSeveral:
      return "several models at once";
    case ModelFileKind::kUnknown:
      break;
  }
  return "a file of weights of an unknown kind";
}

absl::Status CheckModelFileKind(const TensorArchive& archive,
                                ModelFileKind expected) {
  const ModelFileKind found = KindOfTensors(archive.tensors());
  if (found == expected || found == ModelFileKind::kUnknown) {
    return absl::OkStatus();
  }
  const absl::string_view key = KeyOf(found);
  std::string what_to_do =
      absl::StrCat("; name ", ModelFileKindText(expected), " here");
  if (found == ModelFileKind::kSeveral) {
    std::error_code ignored;
    what_to_do =
        absl::StrCat(std::filesystem::is_directory(archive.path(), ignored)
                         ? "; name the file in it that is "
                         : "; name a file that is nothing but ",
                     ModelFileKindText(expected));
  } else if (!key.empty()) {
    what_to_do = absl::StrCat(": it belongs under ", key);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(archive.path(), " is ", ModelFileKindText(found), ", not ",
                   ModelFileKindText(expected), what_to_do,
                   FoldersWithWeightsHint(archive.path())));
}

absl::StatusOr<std::unique_ptr<TensorArchive>> OpenModelPart(
    absl::string_view key, const std::string& path, ModelFileKind kind) {
  if (path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, ": is missing; training from clips needs it"));
  }
  absl::StatusOr<std::unique_ptr<TensorArchive>> archive =
      OpenTensorArchive(path);
  if (!archive.ok()) return Annotate(archive.status(), key);
  const absl::Status is_kind = CheckModelFileKind(**archive, kind);
  if (!is_kind.ok()) return Annotate(is_kind, key);
  return archive;
}

absl::Status CheckPartIsWhole(absl::string_view key, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<TensorArchive>> archive =
      OpenTensorArchive(path);
  if (!archive.ok()) return Annotate(archive.status(), key);
  const absl::Status is_whole = CheckHasNoHoles(**archive);
  return is_whole.ok() ? is_whole : Annotate(is_whole, key);
}

absl::Status CheckHasNoHoles(const TensorArchive& archive) {
  std::set<std::string> files;
  for (const auto& [name, tensor] : archive.tensors()) {
    files.insert(tensor.file);
  }
  for (const std::string& file : files) {
    HP_RETURN_IF_ERROR(CheckFileHasNoHoles(file));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
