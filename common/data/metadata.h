// Which clips and images a data set has, and their prompts.
#ifndef HP_COMMON_DATA_METADATA_H_
#define HP_COMMON_DATA_METADATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace halfpipe {

struct Sample {
  int64_t row = 0;         // from 0, in the order of the file or of the names
  std::string media_path;  // `root` joined with what the row says
  std::string prompt;      // UTF-8, outer white space removed, not empty
  bool is_image = false;   // one frame
  std::string where;       // for messages: "metadata.csv:3" or the media path
};

struct DataSource {
  std::string root;  // the folder that media paths are relative to
  // A .csv, .json or .jsonl file, relative to `root`. Empty: metadata.csv,
  // .json or .jsonl in `root` if there is one, else every clip and image under
  // `root` with the .txt file of the same name as its caption.
  std::string metadata;
  // Not null: a row whose file does not exist is left out and listed here
  // ("file:line: ..."), instead of being a problem.
  std::vector<std::string>* missing = nullptr;
};

// Reads the rows and looks at every file's existence, but opens no media. A row
// has a `prompt`, and a `video` or an `image`; other columns are ignored.
// Every problem is found in one call: InvalidArgument with one line a problem
// ("file:line: ..."): a missing file, an empty prompt, a path that leaves
// `root`, an unknown kind of file, a caption without its clip, a clip without
// its caption. NotFound if `root` or the metadata file does not exist. Folders
// and files whose names start with a dot are passed over.
[[nodiscard]] absl::StatusOr<std::vector<Sample>> LoadSamples(
    const DataSource& source);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_H_
