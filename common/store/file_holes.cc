#include "common/store/file_holes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/random_access_file.h"

namespace halfpipe {
namespace {

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
