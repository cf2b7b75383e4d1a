// Which columns of a metadata file name the clip and its caption: those of
// DiffSynth (video, image, prompt) and what other trainers call them.
#ifndef HP_COMMON_DATA_METADATA_COLUMNS_H_
#define HP_COMMON_DATA_METADATA_COLUMNS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace halfpipe {

// In the order in which they are looked for; the first two come before the
// others, of which a row may have one.
[[nodiscard]] absl::Span<const absl::string_view> MediaColumns();
[[nodiscard]] absl::Span<const absl::string_view> CaptionColumns();

[[nodiscard]] bool IsMediaColumn(absl::string_view name);
[[nodiscard]] bool IsCaptionColumn(absl::string_view name);

// Whether nobody would expect that the column is read: ids, sizes, hashes.
[[nodiscard]] bool IsBookkeepingColumn(absl::string_view name);

// What is wrong with the columns of a whole file; "" where nothing is.
[[nodiscard]] std::string ColumnsProblem(
    const std::vector<std::string>& columns);

// The same for the first line of a .csv file, which may have another separator,
// no header at all, or one column twice. `line` is its text.
[[nodiscard]] std::string HeaderProblem(const std::vector<std::string>& columns,
                                        absl::string_view line);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_COLUMNS_H_
