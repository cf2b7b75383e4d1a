#include "decode/orientation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace halfpipe {
namespace {

constexpr int kPixelBytes = 3;

}  // namespace

// A display matrix (a b u; c d v; x y w) sends (x, y) to (ax + cy, bx + dy), in
// units of 2^-16. It may scale, too, which is not for us to do.
Orientation Orientation::Of(const int32_t* display_matrix) {
  if (display_matrix == nullptr) return {};
  constexpr int64_t kMuchLarger = 64;
  const int64_t a = display_matrix[0], b = display_matrix[1];
  const int64_t c = display_matrix[3], d = display_matrix[4];
  const auto outweigh = [](int64_t v, int64_t w, int64_t x, int64_t y) {
    return std::min(std::abs(v), std::abs(w)) >
           kMuchLarger * std::max(std::abs(x), std::abs(y));
  };
  if (outweigh(a, d, b, c)) {
    return {.swap_axes = false, .flip_x = a < 0, .flip_y = d < 0};
  }
  if (outweigh(b, c, a, d)) {
    return {.swap_axes = true, .flip_x = b < 0, .flip_y = c < 0};
  }
  return {};
}

// The tag says where the stored row 0 and column 0 are to be shown: 6 is "row
// 0 at the right, column 0 at the top".
Orientation Orientation::OfTag(int tag) {
  switch (tag) {
    case 2:
      return {.swap_axes = false, .flip_x = true, .flip_y = false};
    case 3:
      return {.swap_axes = false, .flip_x = true, .flip_y = true};
    case 4:
      return {.swap_axes = false, .flip_x = false, .flip_y = true};
    case 5:
      return {.swap_axes = true, .flip_x = false, .flip_y = false};
    case 6:
      return {.swap_axes = true, .flip_x = false, .flip_y = true};
    case 7:
      return {.swap_axes = true, .flip_x = true, .flip_y = true};
    case 8:
      return {.swap_axes = true, .flip_x = true, .flip_y = false};
    default:
      return {};
  }
}

void Turn(const Orientation& orientation, FrameSize size, const uint8_t* in,
          uint8_t* out) {
  const int out_width = orientation.swap_axes ? size.height : size.width;
  for (int y = 0; y < size.height; ++y) {
    int v = orientation.flip_y ? size.height - 1 - y : y;
    for (int x = 0; x < size.width; ++x) {
      int u = orientation.flip_x ? size.width - 1 - x : x;
      size_t place = orientation.swap_axes
                         ? static_cast<size_t>(u) * out_width + v
                         : static_cast<size_t>(v) * out_width + u;
      std::memcpy(out + place * kPixelBytes, in, kPixelBytes);
      in += kPixelBytes;
    }
  }
}

}  // namespace halfpipe
