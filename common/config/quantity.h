// Numbers with a unit, as people write them in files and flags.
#ifndef HP_COMMON_CONFIG_QUANTITY_H_
#define HP_COMMON_CONFIG_QUANTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// "22GiB", "512 MiB", "1.5GiB", "24GB" (decimal), "1048576" -> bytes.
// InvalidArgument says which units there are.
[[nodiscard]] absl::StatusOr<int64_t> ParseBytes(absl::string_view text);

// The largest binary unit that divides `bytes`: "22GiB", "1000B".
[[nodiscard]] std::string FormatBytes(int64_t bytes);

// "90s", "30min", "2h", "1d" -> seconds; a unit is required.
[[nodiscard]] absl::StatusOr<int64_t> ParseSeconds(absl::string_view text);

// The largest unit that divides `seconds`: "30min", "90s".
[[nodiscard]] std::string FormatSeconds(int64_t seconds);

// The shortest decimal that reads back as `value`, always with a point, so
// that every YAML reader takes it for a number: "5.0", "1.0e-04".
[[nodiscard]] std::string FormatReal(double value);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_QUANTITY_H_
