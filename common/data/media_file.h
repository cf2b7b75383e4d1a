// From what a row of a metadata file says to the file that it means.
#ifndef HP_COMMON_DATA_MEDIA_FILE_H_
#define HP_COMMON_DATA_MEDIA_FILE_H_

#include <map>
#include <string>
#include <vector>

namespace halfpipe {

struct MediaFile {
  std::string path = {};  // "" with a problem
  std::string problem =
      {};                // the rest of a sentence that begins with the place
  bool missing = false;  // the problem is that there is no such file
};

// Finds the files of one data set. Remembers the folders that it had to list.
// Not thread-safe.
class MediaFinder {
 public:
  // `rows_file`: the path of the file that names the media.
  MediaFinder(std::string root, const std::string& rows_file);

  // `written` relative to the root and within it, or an absolute path to
  // anywhere: whether a job may read that is for who started it to say (see
  // coordinator/schedule/path_roots.h). Where the text itself leads to no file,
  // these do: blanks around it dropped, backslashes for slashes, the folder of
  // the file of rows in place of the root, and the one name on the disk that
  // looks the same (ComposedForm).
  [[nodiscard]] MediaFile Find(const std::string& written);

 private:
  // Where a row's medium may lie.
  struct Places {
    std::vector<std::string> all;  // in the order in which they are tried
    std::string below_root;        // the last that a reading gives there, or ""
    std::string problem;           // of a reading that names no place there
  };

  [[nodiscard]] Places PlacesOf(const std::string& written) const;
  [[nodiscard]] std::string Lookalike(const std::string& path);
  [[nodiscard]] std::string HintFor(const std::string& path,
                                    const std::string& written);
  [[nodiscard]] const std::vector<std::string>& NamesIn(
      const std::string& folder);

  const std::string root_;
  std::string rows_folder_;  // below the root, relative to it; else ""
  int hints_left_ = 100;     // each looks through a whole folder
  std::map<std::string, std::vector<std::string>> names_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_MEDIA_FILE_H_
