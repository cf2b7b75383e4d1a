#include "decode/frame_source.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/clip_decoder.h"
#include "decode/heif_picture.h"
#include "decode/webp_animation.h"

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

absl::Status CheckSourceSize(FrameSize size) {
  constexpr int64_t kMega = 1'000'000;
  if (size.width >= 1 && size.width <= kMaxSourceSide && size.height >= 1 &&
      size.height <= kMaxSourceSide &&
      int64_t{size.width} * size.height <= kMaxSourcePixels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is ", size.width, "x", size.height, "; at most ",
                   kMaxSourcePixels / kMega, " megapixels and ", kMaxSourceSide,
                   " pixels a side are read: make it smaller"));
}

absl::StatusOr<std::unique_ptr<FrameSource>> OpenFrameSource(InputFile& file) {
  constexpr size_t kHeadBytes = 64;
  HP_ASSIGN_OR_RETURN(const std::string head, file.ReadAt(0, kHeadBytes));
  const std::string unread = UnreadKindOf(head);
  if (!unread.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not a video or image that can be read, but ", unread));
  }
  switch (SignatureOf(head)) {
    case FileSignature::kHeif:
      return HeifPicture::Open(file);
    case FileSignature::kAnimatedWebp:
      return WebpAnimation::Open(file);
    case FileSignature::kOther:
      break;
  }
  return ClipDecoder::Open(file);
}

std::string UnreadKindOf(absl::string_view head) {
  struct Kind {
    absl::string_view beginning;
    const char* text;
  };

  constexpr const char* kJxl = "a JPEG XL picture; convert it to PNG";
  constexpr const char* kJp2 = "a JPEG 2000 picture; convert it to PNG";
  constexpr const char* kZip = "a ZIP archive; unpack it";
  constexpr const char* kBigTiff =
      "a BigTIFF; save it as PNG or as a plain TIFF";
  constexpr const char* kPage =
      "a web page or other text; download the file itself";
  static constexpr Kind kKinds[] = {
      {"\xFF\x0A", kJxl},
      {{"\0\0\0\x0CJXL ", 8}, kJxl},
      {{"\0\0\0\x0CjP  ", 8}, kJp2},
      {"\xFF\x4F\xFF\x51", kJp2},
      {{"\0\0\1\0", 4}, "an icon (ICO); convert it to PNG"},
      {"PK\3\4", kZip},
      {"\x1F\x8B", "packed by gzip; unpack it"},
      {"7z\xBC\xAF", "a 7z archive; unpack it"},
      {"Rar!", "a RAR archive; unpack it"},
      {{"II+\0", 4}, kBigTiff},
      {{"MM\0+", 4}, kBigTiff},
      {"%PDF", "a PDF; convert it to PNG"},
      {"8BPS", "a Photoshop file; save it as PNG"},
      {"\x76\x2F\x31\x01", "an OpenEXR picture; convert it to PNG"},
      {"<svg", "an SVG drawing; convert it to PNG"},
      {"<!DOCTYPE", kPage},
      {"<!doctype", kPage},
      {"<html", kPage},
      {"<?xml", kPage},
      {"version https://git-lfs",
       "a pointer of Git LFS; fetch the file with git lfs pull"},
  };
  for (const Kind& kind : kKinds) {
    if (absl::StartsWith(head, kind.beginning)) return kind.text;
  }
  return "";
}

FileSignature SignatureOf(absl::string_view head) {
  if (head.size() < 12) return FileSignature::kOther;
  if (IsHeif(head)) return FileSignature::kHeif;
  if (IsAnimatedWebp(head)) return FileSignature::kAnimatedWebp;
  return FileSignature::kOther;
}

}  // namespace halfpipe
