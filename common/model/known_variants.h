// The one table of models: the sizes of the published checkpoints by name, for
// models made of random numbers (`bench`, tests), and what tells the variants
// that are more than the family from it. What a checkpoint is comes from its
// tensors: of this table only the marks are looked at then.
#ifndef HP_COMMON_MODEL_KNOWN_VARIANTS_H_
#define HP_COMMON_MODEL_KNOWN_VARIANTS_H_

#include <array>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// A row: a model of the family, or a variant. One whose mathematics is new
// registers that under the kinds of its modules (variant_parts.h).
struct ModelVariant {
  const char* name = "";
  // Of the published model, or of one for tests; all 0: there is no model of
  // this name, only checkpoints.
  int64_t dim = 0;
  int64_t ffn_dim = 0;
  int64_t heads = 0;
  int64_t layers = 0;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t text_dim = 0;
  // What names of tensors begin with that only this variant has.
  std::array<const char*, 5> marks = {};
  // Adds to the family's `spec` what the variant has beside it. `found`: the
  // checkpoint's tensors by native name; empty for a model that is only named.
  // Null with marks: such checkpoints are recognised and refused.
  absl::Status (*extend)(const std::map<std::string, Shape>& found,
                         ModelSpec* spec) = nullptr;
};

// The product's rows, then those that were added.
[[nodiscard]] const std::vector<ModelVariant>& ModelVariants();

// For tests and experiments. Before a second thread looks at the table.
void AddModelVariant(const ModelVariant& variant);

// "t2v-1.3b", "t2v-14b", "t2v-a14b", "i2v-a14b", "ti2v-5b", and "tiny-t2v",
// "tiny-i2v" (4 blocks of width 48, for tests on the CPU), in any case and with
// or without "wan2.1-" / "wan2.2-" in front. `layers` 0 keeps the number of
// blocks. InvalidArgument lists the names.
[[nodiscard]] absl::StatusOr<ModelSpec> KnownModel(absl::string_view name,
                                                   int64_t layers);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_KNOWN_VARIANTS_H_
