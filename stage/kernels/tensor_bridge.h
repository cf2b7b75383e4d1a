// Between this project's plain DType / Shape and libtorch's types.
#ifndef HP_STAGE_KERNELS_TENSOR_BRIDGE_H_
#define HP_STAGE_KERNELS_TENSOR_BRIDGE_H_

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"

namespace halfpipe {

// Every DType has a ScalarType.
[[nodiscard]] at::ScalarType ToScalarType(DType dtype);

// InvalidArgument for a type that no file format of ours has (complex, ...).
[[nodiscard]] absl::StatusOr<DType> ToDType(at::ScalarType type);

[[nodiscard]] Shape ShapeOf(const at::Tensor& tensor);

// Bytes of the elements, whatever the strides.
[[nodiscard]] size_t ByteSize(const at::Tensor& tensor);

// InvalidArgument "NAME: expected shape [..], found [..]" unless `tensor` is
// defined and has exactly this shape.
[[nodiscard]] absl::Status CheckShape(absl::string_view name,
                                      const at::Tensor& tensor,
                                      const Shape& expected);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_TENSOR_BRIDGE_H_
