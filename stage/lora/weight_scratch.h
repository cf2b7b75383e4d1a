// The buffer into which layers with 8-bit weights unpack them, one layer at a
// time: the stream orders a layer's products before the next unpacking.
#ifndef HP_STAGE_LORA_WEIGHT_SCRATCH_H_
#define HP_STAGE_LORA_WEIGHT_SCRATCH_H_

#include <ATen/core/Tensor.h>

namespace halfpipe {

// One thread and one stream. Shared by the layers of a part of a model.
class WeightScratch {
 public:
  // A contiguous tensor whose contents are lost at the next Take. Grows the
  // buffer if it must: REQUIRES no other tensor of it to be in use then.
  [[nodiscard]] at::Tensor Take(at::IntArrayRef sizes,
                                const at::TensorOptions& options);

 private:
  at::Tensor bytes_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LORA_WEIGHT_SCRATCH_H_
