// From a decoded frame to the size that is trained: scaled to cover the target
// with its aspect kept, then cropped at the centre. Made to give the bytes of
// Pillow's bilinear resize (8 bits, antialiased: a triangle filter as wide as
// the reduction) as the reference's data set uses it.
#ifndef HP_COMMON_DATA_CROP_RESIZE_H_
#define HP_COMMON_DATA_CROP_RESIZE_H_

#include <cstdint>
#include <vector>

namespace halfpipe {

struct FrameSize {
  int width = 0;
  int height = 0;

  friend bool operator==(const FrameSize&, const FrameSize&) = default;
};

// The size that a frame of `source` is brought to: height x width where given;
// with 0 x 0 the source's own size, scaled down to at most max_pixels and
// truncated, then each side down to a multiple of 16 (which may be 0 for a
// tiny source: the caller refuses it). The rule is DiffSynth-Studio's.
[[nodiscard]] FrameSize TargetSize(FrameSize source, int64_t height,
                                   int64_t width, int64_t max_pixels);

// Python's round(): to the nearest integer, halves to the even one.
[[nodiscard]] int RoundHalfEven(double value);

// The resampling of one axis: output i is the weighted sum of the inputs
// first[i] .. first[i] + count[i] - 1, with weights in units of 2^-22.
struct AxisFilter {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int32_t> weights;  // `stride` for each output
  int stride = 0;
};

// Pillow's coefficients for `input` -> `output` pixels, of which only
// [begin, begin + length) are kept.
[[nodiscard]] AxisFilter MakeAxisFilter(int input, int output, int begin,
                                        int length);

// Brings frames of one source size to one target size. Immutable after
// construction; Run allocates its scratch, so threads may share one.
class CropResizer {
 public:
  // REQUIRES: all sides > 0.
  CropResizer(FrameSize source, FrameSize target)
      : CropResizer(source, source, target) {}

  // `shown`: the size that a viewer brings `source` to, whose aspect is kept:
  // another where pixels are no squares.
  CropResizer(FrameSize source, FrameSize shown, FrameSize target);

  // `in`: (source.height, source.width, 3) RGB bytes, rows without padding;
  // `out` likewise with the target's size. They must not overlap.
  void Run(const uint8_t* in, uint8_t* out) const;

 private:
  FrameSize source_;
  FrameSize target_;
  AxisFilter columns_;
  AxisFilter rows_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CROP_RESIZE_H_
