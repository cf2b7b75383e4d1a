// Two lists in a folder, as finetrainers takes them: one names a clip a line,
// the other holds the caption of the same line.
#ifndef HP_COMMON_DATA_CAPTION_LISTS_H_
#define HP_COMMON_DATA_CAPTION_LISTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/metadata_rows.h"

namespace halfpipe {

struct CaptionLists {
  std::string clips;     // "videos.txt", "video.txt", "images.txt", "image.txt"
  std::string captions;  // "prompts.txt", "prompt.txt", "captions.txt", ...
  std::vector<std::string> others = {};  // more of either kind, not read
};

// The two lists of `folder`; nullopt where one of them is missing, or is the
// caption of a clip of its name. Of several of a kind, the one named `first` is
// taken, if it is among them.
[[nodiscard]] std::optional<CaptionLists> FindCaptionLists(
    const std::string& folder, absl::string_view first = "");

// A row for each line with a `file_name` and a `prompt`; lines that are blank
// in both lists are skipped. InvalidArgument ("file:line: ...") where the lists
// differ in length or one has a blank line that the other does not have.
[[nodiscard]] absl::StatusOr<std::vector<MetadataRow>> RowsOfLists(
    absl::string_view clips, absl::string_view captions,
    const std::string& clips_file, const std::string& captions_file);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CAPTION_LISTS_H_
