// The first byte chooses the format, the rest is the file.
#include "common/data/media_path.h"
#include "common/data/metadata_rows.h"
#include "fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static constexpr const char* kNames[] = {"metadata.csv", "metadata.json",
                                           "metadata.jsonl"};
  const char* name = kNames[data[0] % 3];
  const auto rows =
      halfpipe::ParseMetadataRows(halfpipe::AsText(data + 1, size - 1), name);
  if (!rows.ok()) {
    HP_FUZZ_CHECK(rows.status().message().substr(0, 9) == "metadata.");
    HP_FUZZ_CHECK(halfpipe::IsUtf8(rows.status().message()));
    return 0;
  }
  int line = 0;
  for (const halfpipe::MetadataRow& row : *rows) {
    HP_FUZZ_CHECK(row.line >= line);
    HP_FUZZ_CHECK(row.problem.empty() || row.cells.empty());
    HP_FUZZ_CHECK(halfpipe::IsUtf8(row.problem));
    for (const auto& [column, cell] : row.cells) {
      HP_FUZZ_CHECK(halfpipe::IsUtf8(cell));
    }
    line = row.line;
  }
  return 0;
}
