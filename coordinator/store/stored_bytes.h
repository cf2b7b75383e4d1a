// Bytes as they lie in the coordinator's database.
#ifndef HP_COORDINATOR_STORE_STORED_BYTES_H_
#define HP_COORDINATOR_STORE_STORED_BYTES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// `bytes` with a digest, by which damage is told from content, and packed where
// that makes them smaller.
[[nodiscard]] std::string ToStoredBytes(absl::string_view bytes);

// The bytes again. Those that an older version stored, a serialised message
// without anything around it, come back as they are. DataLoss: they are not
// what was stored.
[[nodiscard]] absl::StatusOr<std::string> FromStoredBytes(
    absl::string_view stored);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORED_BYTES_H_
