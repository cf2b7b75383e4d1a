#include "coordinator/page/job_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr size_t kMostFilesAFolder = 50;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// Without waiting, should a pipe have the name of a file.
constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}

  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool IsLoraName(absl::string_view name) {
  return absl::StartsWith(name, "lora.") &&
         absl::EndsWith(name, ".safetensors");
}

// The folder of that name beneath `root`, step by step: no link on the way is
// followed, and nothing leads up.
Descriptor OpenFolder(const Descriptor& root, absl::string_view name) {
  Descriptor folder(openat(root.get(), ".", kFolderFlags));
  const std::vector<std::string> parts =
      absl::StrSplit(name, '/', absl::SkipEmpty());
  for (const std::string& part : parts) {
    if (part == "." || part == "..") return Descriptor(-1);
    folder = Descriptor(
        openat(folder.get(), part.c_str(), kFolderFlags | O_NOFOLLOW));
  }
  return folder;
}

// A regular file, as it is now; nullopt: there is none.
std::optional<OfferedFile> FileAt(int fd, const std::string& name) {
  struct stat found = {};
  if (fd < 0 || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
    return std::nullopt;
  }
  return OfferedFile{.name = name,
                     .bytes = found.st_size,
                     .changed_ns = found.st_mtim.tv_sec * int64_t{1000000000} +
                                   found.st_mtim.tv_nsec};
}

// The LoRAs in the folder, by name; `prefix` goes before their names.
std::vector<OfferedFile> LorasIn(Descriptor folder, const std::string& prefix) {
  std::vector<OfferedFile> files;
  const int list = folder.is_open() ? dup(folder.get()) : -1;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(
      list < 0 ? nullptr : fdopendir(list), &closedir);
  if (entries == nullptr) {
    if (list >= 0) close(list);
    return files;
  }
  while (const dirent* entry = readdir(entries.get())) {
    if (!IsLoraName(entry->d_name)) continue;
    const Descriptor file(openat(folder.get(), entry->d_name, kFileFlags));
    auto found = FileAt(file.get(), absl::StrCat(prefix, entry->d_name));
    if (found.has_value()) files.push_back(*std::move(found));
    if (files.size() == kMostFilesAFolder) break;
  }
  std::sort(files.begin(), files.end(),
            [](const OfferedFile& a, const OfferedFile& b) {
              return a.name < b.name;
            });
  return files;
}

// Not open: it is no LoRA's name, or there is none.
Descriptor OpenLora(const std::string& output_dir, const std::string& name) {
  const size_t slash = name.rfind('/');
  const size_t length = slash == std::string::npos ? 0 : slash + 1;
  const std::string last = name.substr(length);
  const Descriptor root(open(output_dir.c_str(), kFolderFlags));
  if (!IsLoraName(last) || !root.is_open()) return Descriptor(-1);
  const Descriptor folder = OpenFolder(root, name.substr(0, length));
  return Descriptor(openat(folder.get(), last.c_str(), kFileFlags));
}

OfferedFolder FolderOf(const Descriptor& root, const std::string& output_dir,
                       const Checkpoint& checkpoint) {
  OfferedFolder folder{.path = checkpoint.directory,
                       .steps_done = checkpoint.steps_done,
                       .files = {}};
  absl::string_view name = checkpoint.directory;
  if (root.is_open() && absl::ConsumePrefix(&name, output_dir) &&
      absl::ConsumePrefix(&name, "/")) {
    folder.files = LorasIn(OpenFolder(root, name), absl::StrCat(name, "/"));
  }
  return folder;
}

}  // namespace

std::vector<OfferedFolder> OfferFiles(const Job& job,
                                      const std::string& output_dir) {
  std::vector<OfferedFolder> folders;
  const Descriptor root(open(output_dir.c_str(), kFolderFlags));
  folders.push_back(
      {.path = output_dir, .steps_done = job.steps_done, .files = {}});
  if (root.is_open()) folders.back().files = LorasIn(OpenFolder(root, ""), "");
  for (auto checkpoint = job.checkpoints.rbegin();
       checkpoint != job.checkpoints.rend(); ++checkpoint) {
    folders.push_back(FolderOf(root, output_dir, *checkpoint));
  }
  return folders;
}

absl::StatusOr<std::string> ReadOfferedFile(const std::string& output_dir,
                                            const OfferedFile& file,
                                            int64_t offset, size_t most) {
  const Descriptor opened = OpenLora(output_dir, file.name);
  const std::optional<OfferedFile> found = FileAt(opened.get(), file.name);
  if (!found.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("there is no LoRA ", file.name, " of this job"));
  }
  if (found->bytes != file.bytes || found->changed_ns != file.changed_ns) {
    return absl::AbortedError(
        absl::StrCat(file.name, " has been written anew meanwhile"));
  }
  if (offset < 0 || offset >= found->bytes) {
    return absl::OutOfRangeError(
        absl::StrCat(file.name, " has ", found->bytes, " bytes"));
  }
  std::string piece(std::min(most, static_cast<size_t>(found->bytes - offset)),
                    '\0');
  const ssize_t read = pread(opened.get(), piece.data(), piece.size(), offset);
  if (read <= 0) {
    return absl::ErrnoToStatus(read < 0 ? errno : EIO, file.name);
  }
  piece.resize(static_cast<size_t>(read));
  return piece;
}

}  // namespace halfpipe
