// What a media file is, as its content says.
#ifndef HP_COMMON_DATA_MEDIA_FACTS_H_
#define HP_COMMON_DATA_MEDIA_FACTS_H_

#include <cstdint>

#include "common/data/crop_resize.h"

namespace halfpipe {

// Plain values; two files of equal content have equal facts.
struct MediaFacts {
  // One frame and no time: a photograph, or an animation of a single frame.
  // A film of one frame is a clip.
  bool is_picture = false;
  // That were decoded, at most as many as were asked for.
  int64_t frames = 0;
  FrameSize size = {};             // as shown: turned upright, of square pixels
  double frames_per_second = 0.0;  // 0: a picture, or not said
  // A display matrix, or the orientation tag of a picture, turns it.
  bool is_turned = false;
  // The first frame with a pixel that is not opaque; -1: none was found.
  int64_t first_transparent_frame = -1;
  bool is_hdr = false;   // PQ or HLG, which is tone-mapped
  bool is_heif = false;  // a HEIF or AVIF still
  // A clip whose pixels are no squares: it is shown wider or narrower than it
  // is stored.
  bool is_anamorphic = false;
  bool is_interlaced = false;  // a clip; its first frame, or the file, says so

  friend bool operator==(const MediaFacts&, const MediaFacts&) = default;
};

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_FACTS_H_
