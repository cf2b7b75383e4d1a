// What a picture's own tags say beside its pixels. FFmpeg's decoders pass over
// them, or hand them on for some formats only.
#ifndef HP_DECODE_PICTURE_TAGS_H_
#define HP_DECODE_PICTURE_TAGS_H_

#include "decode/input_file.h"

namespace halfpipe {

struct PictureTags {
  int orientation = 1;  // 1 to 8, as EXIF numbers them; see Orientation::OfTag
  bool premultiplied_alpha = false;  // TIFF's "associated" alpha
};

// Of a JPEG (EXIF), PNG (eXIf), WebP (EXIF) or TIFF; where EXIF says nothing of
// the orientation, XMP counts. Tags that cannot be read, and files of another
// kind, say nothing: they are no reason to refuse pixels that can be read.
[[nodiscard]] PictureTags ReadPictureTags(const InputFile& file);

}  // namespace halfpipe

#endif  // HP_DECODE_PICTURE_TAGS_H_
