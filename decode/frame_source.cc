#include "decode/frame_source.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/clip_decoder.h"
#include "decode/file_signature.h"
#include "decode/heif_picture.h"
#include "decode/webp_animation.h"

namespace halfpipe {

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

}  // namespace halfpipe
