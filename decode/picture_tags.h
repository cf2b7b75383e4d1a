// What a picture's own tags say beside its pixels. FFmpeg's decoders pass over
// them, or hand them on for some formats only.
#ifndef HP_DECODE_PICTURE_TAGS_H_
#define HP_DECODE_PICTURE_TAGS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "decode/frame_source.h"
#include "decode/input_file.h"

namespace halfpipe {

struct PictureTags {
  int orientation = 1;  // 1 to 8, as EXIF numbers them; see Orientation::OfTag
  bool has_exif_orientation = false;  // and not from XMP, or by default
  AlphaKind alpha = AlphaKind::kStraight;
  bool has_transparent_colour = false;  // a PNG's tRNS chunk
  int64_t frames = 0;  // that an animated PNG says to have; 0: it is none
};

// Of a JPEG (EXIF), PNG (eXIf), WebP (EXIF), TIFF or BMP; where EXIF says
// nothing of the orientation, XMP counts. Tags that cannot be read, and files
// of another kind, say nothing: they are no reason to refuse pixels that can be
// read.
[[nodiscard]] PictureTags ReadPictureTags(const InputFile& file);

// The orientation in a "Raw profile type exif" or "... APP1", the text that
// ImageMagick and others wrote into PNGs before these had an eXIf chunk:
// "\nexif\n  BYTES\n" and the bytes in hexadecimal. nullopt: it says none.
[[nodiscard]] std::optional<int> OrientationOfRawProfile(
    absl::string_view text);

}  // namespace halfpipe

#endif  // HP_DECODE_PICTURE_TAGS_H_
