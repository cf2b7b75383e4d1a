#include "decode/file_signature.h"

#include <cstddef>
#include <cstdint>

namespace halfpipe {
namespace {

bool IsStillBrand(absl::string_view brand) {
  for (absl::string_view still :
       {"heic", "heix", "heim", "heis", "mif1", "mif2", "avif", "avio"}) {
    if (brand == still) return true;
  }
  return false;
}

// A file-type box is {size u32, "ftyp", major brand, version, brands ...}. The
// major brand decides: a sequence lists the still brands as compatible, too.
bool IsHeif(absl::string_view head) {
  return head.substr(4, 4) == "ftyp" && IsStillBrand(head.substr(8, 4));
}

bool IsAnimatedWebp(absl::string_view head) {
  constexpr size_t kFlags = 20;  // RIFF, size, WEBP, VP8X, size
  constexpr uint8_t kAnimation = 0x02;
  return head.size() > kFlags && head.substr(0, 4) == "RIFF" &&
         head.substr(8, 8) == "WEBPVP8X" &&
         (static_cast<uint8_t>(head[kFlags]) & kAnimation) != 0;
}

}  // namespace

FileSignature SignatureOf(absl::string_view head) {
  if (head.size() < 12) return FileSignature::kOther;
  if (IsHeif(head)) return FileSignature::kHeif;
  if (IsAnimatedWebp(head)) return FileSignature::kAnimatedWebp;
  return FileSignature::kOther;
}

}  // namespace halfpipe
