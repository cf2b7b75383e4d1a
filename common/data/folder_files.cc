#include "common/data/folder_files.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/data/media_path.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// Whether `path` is `folder` or lies in it; both canonical.
bool LiesIn(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end())
             .first == folder.end();
}

class Walk {
 public:
  Walk(const std::string& root, ReadLog* log) : log_(log) {
    std::error_code error;
    root_ = fs::canonical(root, error);
    folders_.push_back(root);
  }

  std::vector<std::string> Run() {
    while (!folders_.empty() || !links_.empty()) {
      std::deque<fs::path>& next = folders_.empty() ? links_ : folders_;
      const fs::path folder = next.front();
      next.pop_front();
      if (IsNew(folder)) List(folder);
    }
    std::sort(files_.begin(), files_.end());
    return std::move(files_);
  }

 private:
  // Whether nothing of `folder` was read yet; else says why.
  bool IsNew(const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error) {
      log_->Problem(folder.string(),
                    absl::StrCat("cannot be read: ", error.message()));
      return false;
    }
    if (real != root_ && LiesIn(root_, real)) {
      log_->Warn(folder.string(),
                 absl::StrCat("is a link to ", real.string(),
                              ", which contains the data folder: left out"));
      return false;
    }
    const auto [it, is_new] = read_.emplace(real.string(), folder.string());
    if (!is_new) {
      log_->Warn(folder.string(),
                 absl::StrCat("is the folder ", it->second,
                              " by another name: passed over"));
    }
    return is_new;
  }

  void List(const fs::path& folder) {
    std::error_code error;
    fs::directory_iterator it(folder, error);
    std::vector<fs::directory_entry> entries;
    for (const fs::directory_iterator end; !error && it != end;
         it.increment(error)) {
      entries.push_back(*it);
    }
    if (error) {
      log_->Problem(folder.string(),
                    absl::StrCat("cannot be listed: ", error.message()));
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::directory_entry& entry : entries) Take(entry);
  }

  void Take(const fs::directory_entry& entry) {
    if (IsLeftBySystem(entry.path().filename().string())) return;
    std::error_code ignored;
    if (!entry.is_directory(ignored)) {
      files_.push_back(entry.path().string());
    } else if (entry.is_symlink(ignored)) {
      links_.push_back(entry.path());
    } else {
      folders_.push_back(entry.path());
    }
  }

  ReadLog* log_;
  fs::path root_;  // canonical
  std::deque<fs::path> folders_;
  std::deque<fs::path> links_;               // to folders
  std::map<std::string, std::string> read_;  // canonical, and as it was reached
  std::vector<std::string> files_;
};

}  // namespace

std::vector<std::string> FilesBelow(const std::string& root, ReadLog* log) {
  return Walk(root, log).Run();
}

}  // namespace halfpipe
