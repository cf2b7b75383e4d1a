// Which library reads a media file, by its first bytes.
#ifndef HP_DECODE_FILE_SIGNATURE_H_
#define HP_DECODE_FILE_SIGNATURE_H_

#include "absl/strings/string_view.h"

namespace halfpipe {

enum class FileSignature {
  kHeif,          // a HEIF or AVIF still: libheif
  kAnimatedWebp,  // libwebpdemux
  kOther,         // libavformat
};

// `head`: the first bytes of the file, 64 or all that there are. An AVIF or
// HEIF that says it is a sequence is kOther: it has a film's tracks.
[[nodiscard]] FileSignature SignatureOf(absl::string_view head);

}  // namespace halfpipe

#endif  // HP_DECODE_FILE_SIGNATURE_H_
