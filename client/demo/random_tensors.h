// Named float32 tensors of made-up numbers, and the file of them.
#ifndef HP_CLIENT_DEMO_RANDOM_TENSORS_H_
#define HP_CLIENT_DEMO_RANDOM_TENSORS_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/dtype.h"

namespace halfpipe {

// The same seed and calls give the same numbers. Not thread-safe.
class RandomTensors {
 public:
  explicit RandomTensors(uint64_t seed) : bits_(seed) {}

  // Normal numbers with this mean and standard deviation.
  void Add(const std::string& name, const Shape& shape, double deviation,
           double mean = 0.0);

  // `name`.weight of a linear layer or convolution (out, in...), so that its
  // output varies about `gain` times as much as its input.
  void AddWeight(const std::string& name, const Shape& shape,
                 double gain = 1.0);

  // The same with a small `name`.bias.
  void AddLayer(const std::string& name, const Shape& shape);

  // Adds to the numbers of a row of a (1, rows, columns) tensor.
  void Shift(const std::string& name, int64_t row, float by);

  // Codes: those of WriteSafetensors.
  [[nodiscard]] absl::Status Write(const std::string& path) const;

 private:
  struct Tensor {
    Shape shape;
    std::vector<float> values;
  };

  double Normal();

  std::mt19937_64 bits_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_DEMO_RANDOM_TENSORS_H_
