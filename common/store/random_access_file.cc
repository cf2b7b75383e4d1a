#include "common/store/random_access_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

std::string StampOf(const struct stat& info) {
  return absl::StrCat(info.st_dev, ":", info.st_ino, ":", info.st_size, ":",
                      info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, ":",
                      info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const RandomAccessFile>> RandomAccessFile::Open(
    const std::string& path) {
  // O_NONBLOCK: a named pipe must be refused below, not waited for.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return FileErrnoStatus(errno, "cannot open", path);
  }

  struct stat info {};

  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a regular file"));
  }
  return std::shared_ptr<const RandomAccessFile>(new RandomAccessFile(
      path, fd, static_cast<uint64_t>(info.st_size), StampOf(info)));
}

RandomAccessFile::RandomAccessFile(std::string path, int fd, uint64_t size,
                                   std::string stamp)
    : path_(std::move(path)), fd_(fd), size_(size), stamp_(std::move(stamp)) {}

RandomAccessFile::~RandomAccessFile() { close(fd_); }

absl::Status RandomAccessFile::ReadAt(uint64_t offset, uint64_t bytes,
                                      void* destination) const {
  if (offset > size_ || bytes > size_ - offset) {
    return absl::DataLossError(absl::StrCat(
        path_, " ends at byte ", size_, ", but ", bytes, " bytes from ", offset,
        " were expected; it is truncated: copy or download it again"));
  }
  // Asks for all of a block at once: the kernel's own read-ahead goes in steps
  // of 128 KiB on many disks, and threads that share the file confuse it.
  constexpr uint64_t kBlock = uint64_t{1} << 20;
  if (bytes >= kBlock && bytes <= 64 * kBlock) {
    posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  POSIX_FADV_WILLNEED);
  }
  // Linux moves at most 2 GiB a call; smaller pieces cost nothing.
  constexpr uint64_t kPiece = uint64_t{1} << 30;
  char* cursor = static_cast<char*>(destination);
  while (bytes > 0) {
    ssize_t got =
        pread(fd_, cursor, std::min(bytes, kPiece), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot read ", path_, ": ",
                       absl::ErrnoToStatus(errno, "").ToString()));
    }
    if (got == 0) {
      return absl::DataLossError(
          absl::StrCat(path_, " became shorter while it was read"));
    }
    cursor += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RandomAccessFile::ReadStringAt(
    uint64_t offset, uint64_t bytes) const {
  if (bytes > size_) return ReadAt(offset, bytes, nullptr);
  std::string content(bytes, '\0');
  HP_RETURN_IF_ERROR(ReadAt(offset, bytes, content.data()));
  return content;
}

}  // namespace halfpipe
