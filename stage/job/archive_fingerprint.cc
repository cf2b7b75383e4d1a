#include "stage/job/archive_fingerprint.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

constexpr uint64_t kPiece = uint64_t{1} << 22;

absl::Status AddBytes(const TensorArchive& archive, const std::string& name,
                      uint64_t bytes, std::vector<char>* piece, Sha256* sha) {
  for (uint64_t begin = 0; begin < bytes; begin += kPiece) {
    const uint64_t count = std::min(kPiece, bytes - begin);
    HP_RETURN_IF_ERROR(archive.ReadRange(name, begin, count, piece->data()));
    sha->Update(piece->data(), count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ContentFingerprint(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::unique_ptr<TensorArchive> archive,
                      OpenTensorArchive(path));
  std::vector<char> piece(kPiece);
  Sha256 sha;
  for (const auto& [name, tensor] : archive->tensors()) {
    sha.Update(absl::StrCat(name, " ", DTypeName(tensor.dtype), " ",
                            ShapeString(tensor.shape), "\n"));
    HP_RETURN_IF_ERROR(AddBytes(*archive, name, tensor.bytes, &piece, &sha));
  }
  return sha.HexDigest();
}

}  // namespace halfpipe
