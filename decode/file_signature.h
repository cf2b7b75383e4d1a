// Which library reads a media file, by its first bytes.
#ifndef HP_DECODE_FILE_SIGNATURE_H_
#define HP_DECODE_FILE_SIGNATURE_H_

#include <string>

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

// "a JPEG XL picture; convert it to PNG": what the file is and what to do with
// it, where it is of a kind that is not read under any name. Empty: not known
// to be.
[[nodiscard]] std::string UnreadKindOf(absl::string_view head);

}  // namespace halfpipe

#endif  // HP_DECODE_FILE_SIGNATURE_H_
