#include "stage/curves/curve_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/owner_file.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr char kCurveOwnerText[] =
    "halfpipe made this folder and writes a job's curves into it "
    "(docs/curves.md).\n";
constexpr int kMostNames = 100;

enum class FolderState { kFree, kEmpty, kOurs, kOthers };

FolderState StateOf(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return FolderState::kFree;
  if (!fs::is_directory(status)) return FolderState::kOthers;
  const fs::path owner = fs::path(path) / kOwnerFileName;
  if (fs::is_regular_file(fs::symlink_status(owner, error))) {
    return FolderState::kOurs;
  }
  return fs::is_empty(path, error) && !error ? FolderState::kEmpty
                                             : FolderState::kOthers;
}

// The file's name is the proof; the text is for people, and a full disk may
// leave it away.
absl::Status WriteOwnerFile(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kOwnerFileName);
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return FileErrnoStatus(errno, "cannot create", path);
  [[maybe_unused]] const ssize_t written =
      write(fd, kCurveOwnerText, sizeof(kCurveOwnerText) - 1);
  close(fd);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> OpenCurveFolder(const std::string& output_dir) {
  HP_RETURN_IF_ERROR(MakeDirectories(output_dir));
  for (int i = 1; i <= kMostNames; ++i) {
    const std::string path = absl::StrCat(output_dir, "/", kCurveFolderName,
                                          i == 1 ? "" : absl::StrCat("-", i));
    const FolderState state = StateOf(path);
    if (state == FolderState::kOurs) return path;
    if (state == FolderState::kOthers) continue;
    if (state == FolderState::kFree && mkdir(path.c_str(), 0777) != 0) {
      return FileErrnoStatus(errno, "cannot create the folder", path);
    }
    HP_RETURN_IF_ERROR(WriteOwnerFile(path));
    return path;
  }
  return absl::AlreadyExistsError(
      absl::StrCat(output_dir, "/", kCurveFolderName,
                   " and every name after it is somebody else's"));
}

}  // namespace halfpipe
