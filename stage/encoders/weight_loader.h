// Moves the tensors of a checkpoint to a device, one at a time and in pieces,
// so that loading costs the host one staging buffer and not the model.
#ifndef HP_STAGE_ENCODERS_WEIGHT_LOADER_H_
#define HP_STAGE_ENCODERS_WEIGHT_LOADER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/store/quantised_weights.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// A size in an expected shape that may be anything.
inline constexpr int64_t kAnySize = -1;

// Loads by native name. Borrows the archive, which must outlive the loader.
// On the device kMeta everything is checked and nothing is read: a model that
// is loaded there says what loading it would refuse. Not thread-safe.
class WeightLoader {
 public:
  // `names` maps native names to those in the archive (encoder_names.h).
  // `quantised`, what ReadQuantisation says of the archive, lets fp8 weights
  // be loaded: their values times their scales, in fp32 before the conversion.
  // On the meta device everything is checked and nothing is read.
  WeightLoader(const TensorArchive& archive,
               std::map<std::string, std::string> names, at::Device device,
               at::ScalarType dtype,
               std::optional<Quantisation> quantised = std::nullopt);

  [[nodiscard]] bool Has(const std::string& name) const;

  // Whether any native name starts with `prefix`.
  [[nodiscard]] bool HasPrefix(const std::string& prefix) const;

  // OK unless there is a native name "PREFIXm.", m at least `count`: layers are
  // counted up to the first that is missing, and what lies behind a gap must
  // not be left out in silence. InvalidArgument names both.
  [[nodiscard]] absl::Status CheckLayersEnd(const std::string& prefix,
                                            int64_t count) const;

  // The size of one dimension, before anything is read. NotFound for a missing
  // tensor, InvalidArgument for one with fewer dimensions.
  [[nodiscard]] absl::StatusOr<int64_t> Size(const std::string& name,
                                             size_t dimension) const;

  // The tensor, contiguous, on the device and in the dtype of the constructor.
  // Codes: NotFound (missing), InvalidArgument (a shape other than `expected`,
  // or a dtype that is not a plain float, nor an fp8 that the constructor
  // allows), DataLoss (file ends early), ResourceExhausted. Messages
  // name the checkpoint and the tensor.
  [[nodiscard]] absl::StatusOr<at::Tensor> Load(const std::string& name,
                                                const Shape& expected) const;

 private:
  [[nodiscard]] absl::StatusOr<const ArchivedTensor*> Find(
      const std::string& name) const;
  [[nodiscard]] absl::Status CheckDType(const std::string& where,
                                        DType dtype) const;
  // The scales of the tensor that the archive calls `stored`, (rows, blocks)
  // on the CPU; undefined without them.
  [[nodiscard]] absl::StatusOr<at::Tensor> ScalesOf(const std::string& stored,
                                                    int64_t rows) const;

  const TensorArchive& archive_;
  std::map<std::string, std::string> names_;
  at::Device device_;
  at::ScalarType dtype_;
  std::optional<Quantisation> quantised_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_WEIGHT_LOADER_H_
