#include "decode/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/mem.h>
}

namespace halfpipe {
namespace {

int FdOf(void* opaque) {
  return static_cast<int>(reinterpret_cast<intptr_t>(opaque));
}

int ReadPacket(void* opaque, uint8_t* buffer, int size) {
  while (true) {
    ssize_t got = read(FdOf(opaque), buffer, static_cast<size_t>(size));
    if (got > 0) return static_cast<int>(got);
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR) return AVERROR(errno);
  }
}

int64_t Seek(void* opaque, int64_t offset, int whence) {
  int fd = FdOf(opaque);
  if (whence & AVSEEK_SIZE) {
    struct stat info;
    return fstat(fd, &info) == 0 ? info.st_size : AVERROR(errno);
  }
  off_t position = lseek(fd, offset, whence & ~AVSEEK_FORCE);
  return position >= 0 ? position : AVERROR(errno);
}

}  // namespace

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  // Without O_NONBLOCK a FIFO would wait for a writer.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot be opened");
  struct stat info;
  bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular || info.st_size == 0) {
    close(fd);
    return absl::InvalidArgumentError(regular ? "is empty"
                                              : "is not a regular file");
  }
  return InputFile(fd, info.st_size);
}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      size_bytes_(other.size_bytes_),
      context_(std::exchange(other.context_, nullptr)) {}

InputFile::~InputFile() {
  if (context_ != nullptr) {
    av_freep(&context_->buffer);
    avio_context_free(&context_);
  }
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::string> InputFile::ReadAt(int64_t offset,
                                              size_t bytes) const {
  std::string content(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    ssize_t got = pread(fd_, content.data() + done, bytes - done,
                        offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::InvalidArgumentError("cannot be read");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

absl::StatusOr<std::string> InputFile::ReadAll(int64_t limit) const {
  if (size_bytes_ > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", size_bytes_,
                     " bytes; a file of its kind may have at most ", limit));
  }
  return ReadAt(0, static_cast<size_t>(size_bytes_));
}

AVIOContext* InputFile::MakeContext() {
  constexpr int kBufferBytes = 1 << 16;
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return nullptr;
  // The descriptor itself and not `this`, which may move.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): never dereferenced
  void* opaque = reinterpret_cast<void*>(static_cast<intptr_t>(fd_));
  context_ = avio_alloc_context(buffer, kBufferBytes, /*write_flag=*/0, opaque,
                                &ReadPacket, /*write_packet=*/nullptr, &Seek);
  if (context_ == nullptr) av_free(buffer);
  return context_;
}

}  // namespace halfpipe
