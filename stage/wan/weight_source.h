// Where a part of the model gets its frozen weights: a checkpoint, or random
// numbers for benchmarks. Only what is asked for is read or made.
#ifndef HP_STAGE_WAN_WEIGHT_SOURCE_H_
#define HP_STAGE_WAN_WEIGHT_SOURCE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/model/checkpoint.h"
#include "common/model/model_spec.h"
#include "stage/kernels/fp8.h"
#include "stage/wan/weight_reader.h"

namespace halfpipe {

// Any thread, one at a time.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  [[nodiscard]] virtual const ModelSpec& spec() const = 0;

  // The tensor `native_name` on `device` as `dtype`, contiguous and owned by
  // the caller. NotFound for a name that WanTensors does not list; DataLoss or
  // Unavailable when the file cannot be read.
  [[nodiscard]] virtual absl::StatusOr<at::Tensor> Load(
      absl::string_view native_name, at::ScalarType dtype,
      const at::Device& device) const = 0;

  // Says what will be loaded next to `device`, in that order: a source may
  // read ahead until EndLoads, which frees what that held. A hint; names that
  // are not there are left out.
  virtual void BeginLoads(const std::vector<std::string>& /*native_names*/,
                          const at::Device& /*device*/) const {}

  virtual void EndLoads() const {}

  // Bytes read from files so far.
  [[nodiscard]] virtual int64_t bytes_read() const { return 0; }

  // A matrix in 8 bits on `device`: as it is stored if that is e4m3, plain or
  // with one scale or one a row, else quantised by row. Same codes.
  [[nodiscard]] virtual absl::StatusOr<Fp8Matrix> LoadQuantised(
      absl::string_view native_name, const at::Device& device) const;
};

// Reads a checkpoint through a WeightReader: what its header says is all that
// a load costs the host. fp8 weights are multiplied by their scale in float32
// before the conversion; without one their values are the weights.
class CheckpointWeights : public WeightSource {
 public:
  // `checkpoint` must outlive this.
  explicit CheckpointWeights(const WanCheckpoint* checkpoint)
      : checkpoint_(checkpoint) {}

  [[nodiscard]] const ModelSpec& spec() const override {
    return checkpoint_->variant.spec;
  }

  [[nodiscard]] absl::StatusOr<at::Tensor> Load(
      absl::string_view native_name, at::ScalarType dtype,
      const at::Device& device) const override;

  void BeginLoads(const std::vector<std::string>& native_names,
                  const at::Device& device) const override;

  void EndLoads() const override { reader_.reset(); }

  [[nodiscard]] int64_t bytes_read() const override { return bytes_read_; }

  [[nodiscard]] absl::StatusOr<Fp8Matrix> LoadQuantised(
      absl::string_view native_name, const at::Device& device) const override;

 private:
  // The stored tensor on the device, unconverted.
  [[nodiscard]] absl::StatusOr<at::Tensor> ReadStored(
      const std::string& name, const at::Device& device) const;
  // A matrix that is stored in e4m3, plain, with one scale or one a row: with
  // one a row.
  [[nodiscard]] absl::StatusOr<Fp8Matrix> ReadQuantised(
      const StoredTensor& stored, const at::Device& device) const;
  // One for each of several parts of a row.
  [[nodiscard]] bool HasBlockScale(const StoredTensor& stored) const;
  [[nodiscard]] WeightReader& ReaderFor(const at::Device& device) const;

  const WanCheckpoint* checkpoint_;
  mutable std::unique_ptr<WeightReader> reader_;  // from the first load on
  mutable int64_t bytes_read_ = 0;
};

// Normal random weights, made on the device. Their spread keeps activations
// near 1 through any number of blocks: weights have standard deviation
// 1/sqrt(in), biases 0.02, norm weights are 1 + 0.02 n, modulation tables
// 1/sqrt(dim). A tensor is a function of seed, name and kind of device.
class RandomWeights : public WeightSource {
 public:
  RandomWeights(const ModelSpec& model_spec, uint64_t seed);

  [[nodiscard]] const ModelSpec& spec() const override { return model_spec_; }

  [[nodiscard]] absl::StatusOr<at::Tensor> Load(
      absl::string_view native_name, at::ScalarType dtype,
      const at::Device& device) const override;

 private:
  ModelSpec model_spec_;
  std::map<std::string, Shape> shapes_;
  uint64_t seed_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_WEIGHT_SOURCE_H_
