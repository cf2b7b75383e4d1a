#include "common/base/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

std::string ParentOf(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status ErrnoStatus(absl::string_view what, const std::string& path) {
  return FileErrnoStatus(errno, what, path);
}

// What setfacl has set, in the kernel's own form.
constexpr char kAccessList[] = "system.posix_acl_access";

bool HasNoAccessList(int error) { return error == ENODATA || error == ENOTSUP; }

// Takes the list of the file at `path`, or none.
absl::Status CopyAccessList(const std::string& path, int fd) {
  std::vector<char> list(size_t{1} << 16);
  const ssize_t bytes =
      getxattr(path.c_str(), kAccessList, list.data(), list.size());
  if (bytes < 0 && !HasNoAccessList(errno)) {
    return ErrnoStatus("cannot read the access list of", path);
  }
  const int done = bytes < 0 ? fremovexattr(fd, kAccessList)
                             : fsetxattr(fd, kAccessList, list.data(),
                                         static_cast<size_t>(bytes), 0);
  if (done == 0 || (bytes < 0 && HasNoAccessList(errno))) {
    return absl::OkStatus();
  }
  return ErrnoStatus("cannot keep the access list of", path);
}

const char* NameOfKind(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

absl::Status NoFile(const std::string& path, mode_t mode) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is ", NameOfKind(mode), ", not a file"));
}

// O_NONBLOCK is for pipes: regular files know nothing of it.
absl::StatusOr<int> OpenAny(const std::string& path, struct stat* info) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0 && fstat(fd, info) == 0) return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  // A socket has no other way to say what it is.
  if (error == ENXIO && stat(path.c_str(), info) == 0 &&
      !S_ISREG(info->st_mode)) {
    return NoFile(path, info->st_mode);
  }
  return FileErrnoStatus(error, "cannot open", path);
}

bool IsOfShell(int fd, const struct stat& info) {
  if (S_ISCHR(info.st_mode)) return info.st_rdev == makedev(1, 3);
  struct statfs system = {};
  return S_ISFIFO(info.st_mode) && fstatfs(fd, &system) == 0 &&
         system.f_type == PIPEFS_MAGIC;
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path,
                                    uint64_t max_bytes) {
  std::string content;
  char buffer[1 << 16];
  while (true) {
    ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("cannot read", path);
    if (got == 0) return content;
    if (content.size() + static_cast<uint64_t>(got) > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " is larger than ", max_bytes, " bytes"));
    }
    content.append(buffer, static_cast<size_t>(got));
  }
}

// Whether `part` holds nothing but the first bytes of `whole`.
bool IsBeginningOf(const std::string& part, const std::string& whole) {
  std::ifstream one(part, std::ios::binary);
  std::ifstream other(whole, std::ios::binary);
  std::vector<char> a(size_t{1} << 16);
  std::vector<char> b(a.size());
  while (one.good()) {
    one.read(a.data(), static_cast<std::streamsize>(a.size()));
    const std::streamsize got = one.gcount();
    other.read(b.data(), got);
    if (other.gcount() != got ||
        !std::equal(a.begin(), a.begin() + got, b.begin())) {
      return false;
    }
  }
  return one.eof();
}

// Whether AtomicFile gives this name on its way to `target`'s: .tmp.PID.NUMBER.
bool IsUnfinishedName(absl::string_view name, absl::string_view target) {
  return absl::ConsumePrefix(&name, target) &&
         absl::ConsumePrefix(&name, ".tmp.") && !name.empty() &&
         name.find_first_not_of("0123456789.") == absl::string_view::npos;
}

}  // namespace

absl::StatusOr<int> OpenRegularFile(const std::string& path) {
  struct stat info = {};
  HP_ASSIGN_OR_RETURN(const int fd, OpenAny(path, &info));
  if (S_ISREG(info.st_mode)) return fd;
  close(fd);
  return NoFile(path, info.st_mode);
}

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t max_bytes) {
  HP_ASSIGN_OR_RETURN(const int fd, OpenRegularFile(path));
  absl::Cleanup close_fd = [fd] { close(fd); };
  return ReadAll(fd, path, max_bytes);
}

absl::StatusOr<std::string> ReadFileOrPipe(const std::string& path,
                                           uint64_t max_bytes) {
  struct stat info = {};
  HP_ASSIGN_OR_RETURN(const int fd, OpenAny(path, &info));
  absl::Cleanup close_fd = [fd] { close(fd); };
  if (!S_ISREG(info.st_mode) && !IsOfShell(fd, info)) {
    return NoFile(path, info.st_mode);
  }
  // A pipe's writer may still be at work.
  if (fcntl(fd, F_SETFL, 0) != 0) return ErrnoStatus("cannot read", path);
  return ReadAll(fd, path, max_bytes);
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path,
                                              unsigned mode) {
  static std::atomic<uint64_t> counter{0};
  std::string temporary =
      absl::StrCat(path, ".tmp.", getpid(), ".", counter.fetch_add(1));
  int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoStatus("cannot create", temporary);
  return AtomicFile(path, std::move(temporary), fd);
}

AtomicFile::AtomicFile(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

absl::Status AtomicFile::TakeAccessOf(const std::string& path) {
  struct stat old = {};
  struct stat fresh = {};
  if (stat(path.c_str(), &old) != 0) return ErrnoStatus("cannot look at", path);
  if (fstat(fd_, &fresh) != 0) return ErrnoStatus("cannot look at", temporary_);
  if ((old.st_uid != fresh.st_uid || old.st_gid != fresh.st_gid) &&
      fchown(fd_, old.st_uid, old.st_gid) != 0) {
    return ErrnoStatus("cannot keep owner and group of", path);
  }
  HP_RETURN_IF_ERROR(CopyAccessList(path, fd_));
  if (fchmod(fd_, old.st_mode & 07777) != 0) {
    return ErrnoStatus("cannot keep the mode of", path);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Append(const void* data, size_t size) {
  const char* cursor = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t wrote = write(fd_, cursor, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoStatus("cannot write", temporary_);
    cursor += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(fd_) != 0) return ErrnoStatus("cannot sync", temporary_);
  int fd = std::exchange(fd_, -1);
  if (close(fd) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
    absl::Status status = ErrnoStatus("cannot rename to", path_);
    unlink(temporary_.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path_));
}

absl::Status WriteFileAtomically(const std::string& path,
                                 absl::string_view content) {
  HP_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  HP_RETURN_IF_ERROR(file.Append(content.data(), content.size()));
  return file.Commit();
}

absl::Status CopyFileAtomically(const std::string& source,
                                const std::string& target) {
  HP_ASSIGN_OR_RETURN(const int fd, OpenRegularFile(source));
  absl::Cleanup close_fd = [fd] { close(fd); };
  HP_ASSIGN_OR_RETURN(AtomicFile copy, AtomicFile::Create(target));
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("cannot read", source);
    if (got == 0) return copy.Commit();
    HP_RETURN_IF_ERROR(copy.Append(buffer.data(), static_cast<size_t>(got)));
  }
}

void RemoveUnfinishedCopies(const std::string& source,
                            const std::string& target) {
  namespace fs = std::filesystem;
  std::vector<std::string> left;
  std::error_code error;
  fs::directory_iterator it(fs::path(target).parent_path(), error);
  for (const fs::directory_iterator end; !error && it != end;
       it.increment(error)) {
    if (IsUnfinishedName(it->path().filename().string(),
                         fs::path(target).filename().string())) {
      left.push_back(it->path().string());
    }
  }
  for (const std::string& path : left) {
    if (fs::is_regular_file(fs::symlink_status(path, error)) &&
        IsBeginningOf(path, source)) {
      fs::remove(path, error);
    }
  }
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  errno = error.value();
  return ErrnoStatus("cannot create the folder", path);
}

absl::Status SyncDirectory(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("cannot open the folder", path);
  absl::Cleanup close_fd = [fd] { close(fd); };
  if (fsync(fd) != 0) return ErrnoStatus("cannot sync the folder", path);
  return absl::OkStatus();
}

absl::Status CommitDirectory(const std::string& temporary,
                             const std::string& path) {
  HP_RETURN_IF_ERROR(SyncDirectory(temporary));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus("cannot rename to", path);
  }
  return SyncDirectory(ParentOf(path));
}

}  // namespace halfpipe
