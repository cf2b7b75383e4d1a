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
  // A file relative to `root`: .csv, .json, .jsonl, or one of two lists
  // (FindCaptionLists). Empty: metadata.csv, .json or .jsonl in `root` if there
  // is one; else, where no clip has a .txt file of its name beside it,
  // captions.json or two lists; else each clip's .txt file is its caption.
  std::string metadata;
  // Not null: a row whose file does not exist is left out and listed here
  // ("file:line: ..."), instead of being a problem.
  std::vector<std::string>* missing = nullptr;
  // Not null: what is read, or passed over, and may not have been meant to be,
  // is told here, a line each.
  std::vector<std::string>* warnings = nullptr;
  // Not null: where problems leave no data set, the samples whose media were
  // found all the same are put here, so that these can be looked at too.
  std::vector<Sample>* found = nullptr;
};

// Reads the rows and looks at every file's existence, but opens no media.
// docs/data.md says which files and columns are read. Every problem is found in
// one call: InvalidArgument with one line a problem ("file:line: ..."): a
// missing file, an empty prompt, a relative path that leaves `root`, an unknown
// kind of file, a caption without its clip, a clip without its caption, text or
// names that are not UTF-8. NotFound if `root` or the metadata file does not
// exist. All that is returned, errors included, is UTF-8.
//
// An absolute path may lead anywhere. Where that is not for the job to say, who
// runs it checks the paths of the samples (coordinator/schedule/path_roots.h).
[[nodiscard]] absl::StatusOr<std::vector<Sample>> LoadSamples(
    const DataSource& source);

// LoadSamples, and a look at every file's first bytes: a file that came without
// its content (a pointer of Git LFS, a web page, zeros, half a download) is
// named as such, by no digest and no decoder. Every problem at once; codes of
// LoadSamples. With `source.missing` files that are there are left to the
// decoder.
[[nodiscard]] absl::StatusOr<std::vector<Sample>> LoadSamplesWithContent(
    const DataSource& source);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_METADATA_H_
