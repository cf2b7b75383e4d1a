// How the typed records of saved tensors are listed, so that a store can hold
// them without knowing their types.
#ifndef HP_COMMON_WAN_SAVED_FIELDS_H_
#define HP_COMMON_WAN_SAVED_FIELDS_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace halfpipe {

// One tensor of a record: what it is called within its block ("self_attn.q.
// rotated") and where it stands.
struct SavedField {
  std::string name;
  at::Tensor* tensor;
};

using SavedFields = std::vector<SavedField>;

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_SAVED_FIELDS_H_
