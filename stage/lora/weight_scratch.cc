#include "stage/lora/weight_scratch.h"

#include <ATen/ops/empty.h>
#include <c10/util/accumulate.h>

namespace halfpipe {

at::Tensor WeightScratch::Take(at::IntArrayRef sizes,
                               const at::TensorOptions& options) {
  const int64_t needed = c10::multiply_integers(sizes) *
                         static_cast<int64_t>(options.dtype().itemsize());
  if (!bytes_.defined() || bytes_.numel() < needed) {
    bytes_.reset();  // before the new one: there may not be room for both
    bytes_ = at::empty({needed}, options.dtype(at::kByte));
  }
  return bytes_.narrow(0, 0, needed)
      .view(c10::typeMetaToScalarType(options.dtype()))
      .view(sizes);
}

}  // namespace halfpipe
