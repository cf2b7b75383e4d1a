// TensorFlow's records: length, checksum of the length, data, checksum of the
// data; numbers with the least byte first.
#ifndef HP_STAGE_CURVES_RECORD_FRAME_H_
#define HP_STAGE_CURVES_RECORD_FRAME_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// Bytes of a record beside its data.
inline constexpr int64_t kRecordFrameBytes = 16;

[[nodiscard]] std::string FrameRecord(absl::string_view data);

// The data of the record that `in` stands at, and behind it. nullopt: there is
// none that is whole, be it the end, half a record or a checksum that is wrong.
[[nodiscard]] std::optional<std::string> ReadRecord(std::istream& in);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_RECORD_FRAME_H_
