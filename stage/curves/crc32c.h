// The checksum of TensorFlow's records.
#ifndef HP_STAGE_CURVES_CRC32C_H_
#define HP_STAGE_CURVES_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace halfpipe {

// CRC-32C (Castagnoli), as in RFC 3720.
[[nodiscard]] uint32_t Crc32c(absl::string_view data);

// The same turned round and moved on, so that a checksum of data that hold
// checksums is no special case.
[[nodiscard]] uint32_t MaskedCrc32c(absl::string_view data);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_CRC32C_H_
