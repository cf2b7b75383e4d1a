// Comma-separated values as RFC 4180 has them: quoted fields may hold commas,
// line breaks and doubled quotes; lines end in LF or CRLF; a byte order mark at
// the start is skipped; empty lines between records are skipped.
#ifndef HP_COMMON_DATA_CSV_H_
#define HP_COMMON_DATA_CSV_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct CsvRecord {
  int line = 0;  // where it starts, from 1
  std::vector<std::string> fields;
};

// InvalidArgument with "line N: ..." for a quote that does not close, or text
// between a closing quote and the next comma.
[[nodiscard]] absl::StatusOr<std::vector<CsvRecord>> ParseCsv(
    absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CSV_H_
