#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/doctor/checks.h"
#include "client/jobs/progress.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr size_t kPiece = size_t{4} << 20;
// A checkpoint of a 14B model's rank-32 LoRA is about 2 GB; below this rate
// saving one takes longer than a step.
constexpr double kSlowBytesPerSecond = 200e6;
constexpr uint64_t kLittleRoom = uint64_t{20} << 30;

bool WriteAll(int fd, int64_t bytes) {
  // Not zeros: some file systems do not store those.
  std::vector<char> piece(kPiece);
  uint32_t state = 1;
  for (char& byte : piece) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  for (int64_t left = bytes; left > 0;) {
    const auto wanted =
        static_cast<size_t>(std::min(left, static_cast<int64_t>(piece.size())));
    const ssize_t written = write(fd, piece.data(), wanted);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    left -= written;
  }
  return fdatasync(fd) == 0;
}

bool ReadAll(int fd, int64_t bytes) {
  std::vector<char> piece(kPiece);
  if (lseek(fd, 0, SEEK_SET) != 0) return false;
  for (int64_t left = bytes; left > 0;) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    left -= got;
  }
  return true;
}

// Bytes a second, 0 when `work` failed.
double BytesPerSecond(int64_t bytes, const std::function<bool()>& work) {
  const absl::Time begin = SteadyNow();
  if (!work()) return 0.0;
  return static_cast<double>(bytes) /
         std::max(1e-6, absl::ToDoubleSeconds(SteadyNow() - begin));
}

Finding Unusable(const std::string& folder, int error) {
  return {.subject = "disk",
          .verdict = Verdict::kFail,
          .found = absl::StrCat(folder,
                                " cannot be written: ", std::strerror(error)),
          .advice =
              "name the folder of your outputs with --disk, and make it "
              "writable for this user"};
}

}  // namespace

Finding CheckDisk(const std::string& folder, int64_t bytes) {
  std::string path = absl::StrCat(folder, "/.halfpipe-doctor-XXXXXX");
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return Unusable(folder, errno);
  // Nameless: whatever ends this process, no file stays.
  unlink(path.c_str());
  const absl::Cleanup close_file = [fd] { close(fd); };
  const double written =
      BytesPerSecond(bytes, [&] { return WriteAll(fd, bytes); });
  if (written <= 0.0) return Unusable(folder, errno);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  const double read = BytesPerSecond(bytes, [&] { return ReadAll(fd, bytes); });
  if (read <= 0.0) return Unusable(folder, errno);
  Finding finding{.subject = "disk"};
  std::error_code error;
  const std::filesystem::space_info space =
      std::filesystem::space(folder, error);
  finding.found = absl::StrFormat(
      "%s: %.0f MB/s written and synced, %.0f MB/s read, %s free", folder,
      written / 1e6, read / 1e6,
      ReadableBytes(static_cast<int64_t>(error ? 0 : space.available)));
  if (written < kSlowBytesPerSecond) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "checkpoints hold up training on a slow disk: put output.dir on a "
        "local SSD, or save less often (output.save_every)";
  } else if (!error && space.available < kLittleRoom) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "make room: a full disk makes a job wait (docs/faults.md), and the "
        "latent cache grows with the data set";
  } else {
    finding.verdict = Verdict::kOk;
  }
  return finding;
}

}  // namespace halfpipe
