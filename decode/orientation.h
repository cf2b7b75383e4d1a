// Quarter turns and mirrors between a stored frame and what is shown.
#ifndef HP_DECODE_ORIENTATION_H_
#define HP_DECODE_ORIENTATION_H_

#include <cstdint>

#include "common/data/crop_resize.h"

namespace halfpipe {

struct Orientation {
  bool swap_axes = false;
  bool flip_x = false;  // of the source, before the axes are swapped
  bool flip_y = false;

  // As a container's display matrix (row by row, 3x3; may be nullptr) has it.
  // A matrix of any other angle counts as upright.
  [[nodiscard]] static Orientation Of(const int32_t* display_matrix);

  // As the orientation tag of EXIF and TIFF numbers them, 1 to 8. Any other
  // number counts as upright.
  [[nodiscard]] static Orientation OfTag(int tag);

  [[nodiscard]] bool upright() const {
    return !swap_axes && !flip_x && !flip_y;
  }
};

// `in` (height, width, 3) turned, as `out` of the turned size.
void Turn(const Orientation& orientation, FrameSize size, const uint8_t* in,
          uint8_t* out);

}  // namespace halfpipe

#endif  // HP_DECODE_ORIENTATION_H_
