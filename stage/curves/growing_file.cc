#include "stage/curves/growing_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"

namespace halfpipe {
namespace {

// O_NONBLOCK is for pipes: regular files know nothing of it.
constexpr int kOwnFile = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

absl::StatusOr<int> OpenOwnFile(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | kOwnFile, 0644);
  if (fd < 0 && errno == ELOOP) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a link, which is not followed"));
  }
  if (fd < 0) return FileErrnoStatus(errno, "cannot open", path);

  struct stat info {};

  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
  close(fd);
  return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
}

}  // namespace

absl::StatusOr<GrowingFile> GrowingFile::Open(const std::string& path) {
  absl::StatusOr<int> fd = OpenOwnFile(path, O_WRONLY | O_CREAT | O_APPEND);
  if (!fd.ok()) return fd.status();
  return GrowingFile(path, *fd);
}

GrowingFile::GrowingFile(std::string path, int fd)
    : path_(std::move(path)), fd_(fd) {}

GrowingFile::GrowingFile(GrowingFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

GrowingFile& GrowingFile::operator=(GrowingFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

GrowingFile::~GrowingFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status GrowingFile::Append(absl::string_view record) {
  const off_t before = lseek(fd_, 0, SEEK_END);
  if (before < 0) return FileErrnoStatus(errno, "cannot append to", path_);
  while (!record.empty()) {
    const ssize_t written = write(fd_, record.data(), record.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      // Where not even that goes, the next start mends it.
      [[maybe_unused]] const int undone = ftruncate(fd_, before);
      return FileErrnoStatus(error, "cannot write to", path_);
    }
    record.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status GrowingFile::Sync() {
  if (fdatasync(fd_) == 0) return absl::OkStatus();
  return FileErrnoStatus(errno, "cannot sync", path_);
}

absl::Status CutFile(const std::string& path, int64_t bytes) {
  absl::StatusOr<int> fd = OpenOwnFile(path, O_WRONLY);
  if (!fd.ok()) return fd.status();
  const absl::Cleanup close_file = [&fd] { close(*fd); };
  const off_t size = lseek(*fd, 0, SEEK_END);
  if (size >= 0 && size <= bytes) return absl::OkStatus();
  if (size >= 0 && ftruncate(*fd, bytes) == 0) return absl::OkStatus();
  return FileErrnoStatus(errno, "cannot shorten", path);
}

}  // namespace halfpipe
