#include "decode/frame_source.h"

#include <string>

#include "common/base/status.h"
#include "decode/clip_decoder.h"
#include "decode/file_signature.h"
#include "decode/heif_picture.h"
#include "decode/webp_animation.h"

namespace halfpipe {

absl::StatusOr<std::unique_ptr<FrameSource>> OpenFrameSource(InputFile& file) {
  constexpr size_t kHeadBytes = 64;
  HP_ASSIGN_OR_RETURN(const std::string head, file.ReadAt(0, kHeadBytes));
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
