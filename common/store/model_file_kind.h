// Which part of a model a file of weights is, by the names and shapes of its
// tensors: what a person is told who named the wrong file for a key.
#ifndef HP_COMMON_STORE_MODEL_FILE_KIND_H_
#define HP_COMMON_STORE_MODEL_FILE_KIND_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

enum class ModelFileKind {
  kUnknown,
  kDit,
  kTextEncoder,
  kVae,
  kClip,
  kLora,
  kOtherTextEncoder,  // T5 or a language model, not UMT5
  kOtherVae,          // of an image model
  kTinyVae,           // taew, whose latents are near the VAE's, not the same
  kSeveral,           // a file or folder with more than one of these
};

// Looks at names and shapes only; native and diffusers' or transformers' names,
// behind any prefix that ends in a dot.
[[nodiscard]] ModelFileKind KindOfTensors(
    const std::map<std::string, ArchivedTensor>& tensors);

// "a Wan DiT", ...; "a file of weights of an unknown kind".
[[nodiscard]] absl::string_view ModelFileKindText(ModelFileKind kind);

// OK where the archive is of `expected`, or of no kind that is known here (its
// reader says then what it lacks). Else InvalidArgument: "PATH is a Wan VAE,
// not a UMT5 text encoder: it belongs under model.vae".
[[nodiscard]] absl::Status CheckModelFileKind(const TensorArchive& archive,
                                              ModelFileKind expected);

// Opens the file or folder under a key of the job file, if it is the part that
// the key is for. Every message begins with the key. InvalidArgument where no
// path is given; else the codes of OpenTensorArchive and CheckModelFileKind.
[[nodiscard]] absl::StatusOr<std::unique_ptr<TensorArchive>> OpenModelPart(
    absl::string_view key, const std::string& path, ModelFileKind kind);

// CheckHasNoHoles of the part under a key, with the key in front. To be asked
// last: a wrong file is to be called that, whatever it is filled with. Not for
// a LoRA, whose B matrices begin as zeros.
[[nodiscard]] absl::Status CheckPartIsWhole(absl::string_view key,
                                            const std::string& path);

// Of files that have their size and not their content, as a download or a copy
// leaves them that made room first and was broken off: OK unless an eighth of a
// file that the archive reads is zeros: one of its 16
// stretches is, wherever it is looked at (32 places). Trained weights hold none
// such, and what is made of zeros is wrong in silence. DataLoss names the file
// and the stretch. A file below 64 KiB is not judged. Reads some KiB;
// Unavailable where it cannot.
[[nodiscard]] absl::Status CheckHasNoHoles(const TensorArchive& archive);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_MODEL_FILE_KIND_H_
