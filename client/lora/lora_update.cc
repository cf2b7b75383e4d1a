#include "client/lora/lora_update.h"

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// The inner loop runs along a row, so that the compiler vectorises it and each
// sum keeps the rank's order.
void AddRow(const LoraModule& lora, float factor, int64_t row, float* weight,
            std::vector<float>& sum) {
  const auto in = static_cast<size_t>(lora.in);
  std::fill(sum.begin(), sum.end(), 0.0f);
  for (int64_t r = 0; r < lora.rank; ++r) {
    const float b = lora.b[static_cast<size_t>(row * lora.rank + r)];
    const float* a = lora.a.data() + static_cast<size_t>(r) * in;
    for (size_t i = 0; i < in; ++i) sum[i] += b * a[i];
  }
  for (size_t i = 0; i < in; ++i) weight[i] += factor * sum[i];
}

}  // namespace

void AddLoraRows(const LoraModule& lora, double strength, int64_t first_row,
                 int64_t rows, int threads, float* weight) {
  HP_CHECK(first_row >= 0 && rows >= 0 && first_row + rows <= lora.out);
  const auto factor = static_cast<float>(strength * lora.scale);
  const int64_t each = std::max<int64_t>(
      1, (rows + std::max(threads, 1) - 1) / std::max(threads, 1));
  std::vector<std::jthread> workers;
  for (int64_t begin = 0; begin < rows; begin += each) {
    workers.emplace_back([&, begin] {
      std::vector<float> sum(static_cast<size_t>(lora.in));
      for (int64_t row = begin; row < std::min(rows, begin + each); ++row) {
        AddRow(lora, factor, first_row + row, weight + row * lora.in, sum);
      }
    });
  }
}

}  // namespace halfpipe
