// From what a row of a metadata file says to the file that it means.
#ifndef HP_COMMON_DATA_MEDIA_FILE_H_
#define HP_COMMON_DATA_MEDIA_FILE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace halfpipe {

struct MediaFile {
  std::string path = {};  // "" with a problem
  std::string problem =
      {};                // the rest of a sentence that begins with the place
  bool missing = false;  // the problem is that there is no such file
};

// Finds the files of one data set. Remembers the folders that it had to list
// for a hint. Not thread-safe.
class MediaFinder {
 public:
  explicit MediaFinder(std::string root) : root_(std::move(root)) {}

  // `written` relative to the root and within it, or an absolute path to
  // anywhere: whether a job may read that is for who started it to say (see
  // coordinator/path_roots.h). Blanks around it are dropped and backslashes
  // taken for slashes where that leads to a file and the text itself does not.
  [[nodiscard]] MediaFile Find(const std::string& written);

 private:
  [[nodiscard]] std::string HintFor(const std::string& path);
  [[nodiscard]] const std::vector<std::string>& NamesIn(
      const std::string& folder);

  const std::string root_;
  int hints_left_ = 100;  // each looks through a whole folder
  std::map<std::string, std::vector<std::string>> names_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_FILE_H_
