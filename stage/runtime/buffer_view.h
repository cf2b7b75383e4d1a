// How a tensor crosses between the tensor library, the link and the
// interpreter, none of which knows the others' types.
#ifndef HP_STAGE_RUNTIME_BUFFER_VIEW_H_
#define HP_STAGE_RUNTIME_BUFFER_VIEW_H_

#include <cstddef>

#include "common/base/dtype.h"

namespace halfpipe {

// A contiguous tensor in memory that somebody else owns (a slot of
// StageCompute). Device memory when the compute's device is a GPU, else host
// memory. The owner keeps it alive until the transfer's `done` event.
struct BufferView {
  void* data = nullptr;
  size_t bytes = 0;
  DType dtype = DType::kF32;
  Shape shape;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_BUFFER_VIEW_H_
