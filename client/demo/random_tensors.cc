#include "client/demo/random_tensors.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/safetensors_writer.h"

namespace halfpipe {
namespace {

constexpr double kBiasDeviation = 0.02;
constexpr double kTwoPi = 6.283185307179586;

// In (0, 1], so that its logarithm is finite; of the 53 bits that a double has.
double Uniform(uint64_t bits) {
  return (static_cast<double>(bits >> 11) + 1.0) * 0x1.0p-53;
}

int64_t Inputs(const Shape& shape) {
  return ElementCount(Shape(shape.begin() + 1, shape.end()));
}

}  // namespace

// By Box and Muller: what the standard library's distribution gives is not
// said.
double RandomTensors::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(Uniform(bits_())));
  return radius * std::cos(kTwoPi * Uniform(bits_()));
}

void RandomTensors::Add(const std::string& name, const Shape& shape,
                        double deviation, double mean) {
  Tensor tensor = {.shape = shape, .values = {}};
  tensor.values.resize(static_cast<size_t>(ElementCount(shape)));
  for (float& value : tensor.values) {
    value = static_cast<float>(mean + deviation * Normal());
  }
  tensors_[name] = std::move(tensor);
}

void RandomTensors::AddWeight(const std::string& name, const Shape& shape,
                              double gain) {
  Add(absl::StrCat(name, ".weight"), shape,
      gain / std::sqrt(static_cast<double>(Inputs(shape))));
}

void RandomTensors::AddLayer(const std::string& name, const Shape& shape) {
  AddWeight(name, shape);
  Add(absl::StrCat(name, ".bias"), {shape[0]}, kBiasDeviation);
}

void RandomTensors::Shift(const std::string& name, int64_t row, float by) {
  Tensor& tensor = tensors_.at(name);
  HP_CHECK(tensor.shape.size() == 3 && row < tensor.shape[1]);
  const int64_t columns = tensor.shape[2];
  for (int64_t i = row * columns; i < (row + 1) * columns; ++i) {
    tensor.values[static_cast<size_t>(i)] += by;
  }
}

absl::Status RandomTensors::Write(const std::string& path) const {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : tensors_) {
    tensors.push_back({.name = name,
                       .dtype = DType::kF32,
                       .shape = tensor.shape,
                       .data = tensor.values.data()});
  }
  return WriteSafetensors(path, tensors, {{"format", "pt"}});
}

}  // namespace halfpipe
