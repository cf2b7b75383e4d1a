// The sizes of the published checkpoints by name, for models made of random
// numbers (`bench`, tests). What a checkpoint is comes from its tensors, never
// from this table.
#ifndef HP_COMMON_MODEL_KNOWN_VARIANTS_H_
#define HP_COMMON_MODEL_KNOWN_VARIANTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/model/architecture.h"

namespace halfpipe {

// "t2v-1.3b", "t2v-14b", "t2v-a14b", "i2v-a14b", "ti2v-5b", and "tiny-t2v",
// "tiny-i2v" (4 blocks of width 48, for tests on the CPU), in any case and with
// or without "wan2.1-" / "wan2.2-" in front. `layers` 0 keeps the number of
// blocks. InvalidArgument lists the names.
[[nodiscard]] absl::StatusOr<WanArchitecture> KnownArchitecture(
    absl::string_view name, int64_t layers);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_KNOWN_VARIANTS_H_
