// Comma-separated values as RFC 4180 has them, and as spreadsheets, pandas and
// hand editing leave them: quoted fields may hold commas, line breaks and
// doubled quotes; blanks before a field and after a closing quote are dropped;
// lines end in LF, CRLF or CR; a byte order mark at the start is skipped, and
// so are lines with nothing but blanks between records.
#ifndef HP_COMMON_DATA_CSV_H_
#define HP_COMMON_DATA_CSV_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace halfpipe {

struct CsvRecord {
  int line = 0;  // where it starts, from 1
  std::vector<std::string> fields;
  // Set: a quote that does not close, or text between a closing quote and the
  // next comma. The rest of that line is dropped, and the next one is read.
  std::string problem = "";
};

[[nodiscard]] std::vector<CsvRecord> ParseCsv(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CSV_H_
