#include "common/data/crop_resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// Weights are integers of 22 bits: 8 bits of pixel and 2 of head room remain
// in 32.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr int kChannels = 3;

uint8_t ToByte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

// Halves round up and the sum is cut towards zero, as the reference loader's
// resampling does; lround differs for negative numbers.
int32_t AddHalfAndCut(double value) {
  const double shifted = value + 0.5;
  return static_cast<int32_t>(shifted);
}

int32_t ToFixed(double weight) {
  return AddHalfAndCut(weight * (1 << kPrecisionBits));
}

}  // namespace

int RoundHalfEven(double value) {
  // The default rounding mode is to nearest, halves to even.
  return static_cast<int>(std::nearbyint(value));
}

FrameSize TargetSize(FrameSize source, int64_t height, int64_t width,
                     int64_t max_pixels) {
  if (height > 0 && width > 0) {
    return {static_cast<int>(width), static_cast<int>(height)};
  }
  FrameSize size = source;
  double pixels = static_cast<double>(size.width) * size.height;
  if (pixels > static_cast<double>(max_pixels)) {
    double scale = std::sqrt(pixels / static_cast<double>(max_pixels));
    size.width = static_cast<int>(size.width / scale);
    size.height = static_cast<int>(size.height / scale);
  }
  return {size.width / 16 * 16, size.height / 16 * 16};
}

AxisFilter MakeAxisFilter(int input, int output, int begin, int length) {
  const double scale = static_cast<double>(input) / output;
  const double reach = std::max(scale, 1.0);  // half the triangle's base
  AxisFilter filter;
  filter.stride = static_cast<int>(std::ceil(reach)) * 2 + 1;
  filter.weights.assign(static_cast<size_t>(length) * filter.stride, 0);
  std::vector<double> weights(static_cast<size_t>(filter.stride));
  for (int i = 0; i < length; ++i) {
    const double center = (begin + i + 0.5) * scale;
    const int first = std::max(AddHalfAndCut(center - reach), 0);
    const int end = std::min(AddHalfAndCut(center + reach), input);
    const int count = end - first;
    double total = 0.0;
    for (int j = 0; j < count; ++j) {
      double distance = std::abs((j + first - center + 0.5) * (1.0 / reach));
      weights[j] = std::max(1.0 - distance, 0.0);
      total += weights[j];
    }
    int32_t* fixed = &filter.weights[static_cast<size_t>(i) * filter.stride];
    for (int j = 0; j < count; ++j) {
      fixed[j] = ToFixed(total != 0.0 ? weights[j] / total : weights[j]);
    }
    filter.first.push_back(first);
    filter.count.push_back(count);
  }
  return filter;
}

CropResizer::CropResizer(FrameSize source, FrameSize shown, FrameSize target)
    : source_(source), target_(target) {
  HP_CHECK(source.width > 0 && source.height > 0);
  HP_CHECK(shown.width > 0 && shown.height > 0);
  HP_CHECK(target.width > 0 && target.height > 0);
  const double scale =
      std::max(static_cast<double>(target.width) / shown.width,
               static_cast<double>(target.height) / shown.height);
  const int width = RoundHalfEven(shown.width * scale);
  const int height = RoundHalfEven(shown.height * scale);
  const int left = RoundHalfEven((width - target.width) / 2.0);
  const int top = RoundHalfEven((height - target.height) / 2.0);
  columns_ = MakeAxisFilter(source.width, width, left, target.width);
  rows_ = MakeAxisFilter(source.height, height, top, target.height);
}

void CropResizer::Run(const uint8_t* in, uint8_t* out) const {
  constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);
  // Only the rows that some output needs. Pillow rounds to bytes between the
  // passes too.
  const int first_row = rows_.first.front();
  const int last_row = rows_.first.back() + rows_.count.back();
  const size_t row_bytes = static_cast<size_t>(target_.width) * kChannels;
  std::vector<uint8_t> narrow((last_row - first_row) * row_bytes);
  for (int y = first_row; y < last_row; ++y) {
    const uint8_t* source_row =
        in + static_cast<size_t>(y) * source_.width * kChannels;
    uint8_t* row = &narrow[(y - first_row) * row_bytes];
    for (int x = 0; x < target_.width; ++x) {
      const uint8_t* pixel = source_row + columns_.first[x] * kChannels;
      const int32_t* weight =
          &columns_.weights[static_cast<size_t>(x) * columns_.stride];
      int32_t sum[kChannels] = {kHalf, kHalf, kHalf};
      for (int j = 0; j < columns_.count[x]; ++j, pixel += kChannels) {
        for (int c = 0; c < kChannels; ++c) sum[c] += pixel[c] * weight[j];
      }
      for (int c = 0; c < kChannels; ++c)
        row[x * kChannels + c] = ToByte(sum[c]);
    }
  }
  std::vector<int32_t> sums(row_bytes);
  for (int y = 0; y < target_.height; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const int32_t* weight =
        &rows_.weights[static_cast<size_t>(y) * rows_.stride];
    for (int j = 0; j < rows_.count[y]; ++j) {
      const uint8_t* row =
          &narrow[(rows_.first[y] + j - first_row) * row_bytes];
      for (size_t i = 0; i < row_bytes; ++i) sums[i] += row[i] * weight[j];
    }
    uint8_t* row = out + y * row_bytes;
    for (size_t i = 0; i < row_bytes; ++i) row[i] = ToByte(sums[i]);
  }
}

}  // namespace halfpipe
