// How the typed records of saved tensors are listed, so that a store can hold
// them without knowing their types.
#ifndef HP_STAGE_WAN_SAVED_FIELDS_H_
#define HP_STAGE_WAN_SAVED_FIELDS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "common/plan/activation_plan.h"

namespace halfpipe {

// One tensor of a record: the group it shares its fate with, and where it
// stands.
struct SavedField {
  SavedGroup group;
  at::Tensor* tensor;
  // False for a few numbers that a kernel wants back (a random generator's
  // state): they are not worth a copy.
  bool bulky = true;
};

using SavedFields = std::vector<SavedField>;

// Lets go of the fields that `plan` says to recompute.
inline void DropRecomputed(const SavedFields& fields, const BlockPlan& plan) {
  for (const SavedField& field : fields) {
    if (plan.of(field.group) == Fate::kRecompute) field.tensor->reset();
  }
}

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_SAVED_FIELDS_H_
