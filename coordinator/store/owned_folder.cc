#include "coordinator/store/owned_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "common/store/checkpoint_manifest.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr char kOwnerText[] =
    "halfpipe made this folder, and deletes it with all that is in it.\n";

std::string OwnerFile(const std::string& path) {
  return absl::StrCat(path, "/", kOwnerFileName);
}

bool IsProof(const fs::path& path) {
  return path.filename() == kOwnerFileName || path.filename() == kManifestName;
}

}  // namespace

absl::Status MakeOwnedFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0777) != 0) {
    return FileErrnoStatus(errno, "cannot create the folder", path);
  }
  const std::string owner = OwnerFile(path);
  const int fd =
      open(owner.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return FileErrnoStatus(errno, "cannot create", owner);
  // The file's name is the proof; the text is for people. A full disk is
  // noticed by what comes next.
  [[maybe_unused]] const ssize_t written =
      write(fd, kOwnerText, sizeof(kOwnerText) - 1);
  close(fd);
  return absl::OkStatus();
}

absl::Status TakeOwnerFile(const std::string& path) {
  const std::string owner = OwnerFile(path);
  if (unlink(owner.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return FileErrnoStatus(errno, "cannot remove", owner);
}

bool IsOwnedFolder(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) return false;
  if (fs::is_regular_file(fs::symlink_status(OwnerFile(path), error))) {
    return true;
  }
  return ReadManifest(path).ok();
}

absl::Status RemoveOwnedFolder(const std::string& path) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return absl::OkStatus();
  if (!IsOwnedFolder(path)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is not deleted: nothing in it says that halfpipe made it"));
  }
  std::vector<fs::path> proofs;
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    (IsProof(entry.path()) ? proofs : others).push_back(entry.path());
  }
  HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot list", path));
  for (const fs::path& other : others) {
    fs::remove_all(other, error);
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot remove", other.string()));
  }
  for (const fs::path& proof : proofs) {
    fs::remove(proof, error);
    HP_RETURN_IF_ERROR(FileErrorStatus(error, "cannot remove", proof.string()));
  }
  fs::remove(path, error);
  return FileErrorStatus(error, "cannot remove", path);
}

absl::StatusOr<std::string> FreeFolderPath(const std::string& parent,
                                           const std::string& name) {
  std::string path = absl::StrCat(parent, "/", name);
  for (int i = 2;; ++i) {
    const absl::Status removed = RemoveOwnedFolder(path);
    if (removed.ok()) return path;
    if (!absl::IsFailedPrecondition(removed)) return removed;
    path = absl::StrCat(parent, "/", name, "-", i);
  }
}

}  // namespace halfpipe
