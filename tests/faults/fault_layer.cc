// A file layer that fails on demand: preloaded into the real programs by
// run_faults.py, it counts what a process does to regular files and, at the
// operation that a plan names, kills it there, or half of a write later, or
// fills the disk for a while, or closes every socket.
//
// $HP_FAULT_PLAN names a file with one line:
//   PROGRAM KIND N [MILLISECONDS]
// KIND: kill, torn, nospace (for MILLISECONDS), sockets. N counts from when the
// program first sees the plan. Or
//   PROGRAM before|after NAME
// which kills it before or after it gives something a name that ends with NAME,
// '?' standing for any character: the points of a commit. The process that
// carries a plan out removes it first, so it happens once, whatever is
// restarted.
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

namespace {

enum class Fault { kNone, kKill, kTorn, kNoSpace };

std::mutex mutex;
long long operations = 0;
std::atomic<long long> full_until_ms{0};

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

long long NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1'000'000;
}

bool IsThisProgram(const char* program) {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof(path) - 1) <= 0) return false;
  const char* name = strrchr(path, '/');
  return name != nullptr && strcmp(name + 1, program) == 0;
}

void CloseSockets() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    const int fd = atoi(entry->d_name);

    struct stat info {};

    if (fd <= 2 || fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) continue;
    // A network breaks connections; it does not end a server's listening.
    int listens = 0;
    socklen_t size = sizeof(listens);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if (listens == 0) shutdown(fd, SHUT_RDWR);
  }
  closedir(folder);
}

[[noreturn]] void Die() {
  kill(getpid(), SIGKILL);
  abort();
}

// Dies if the plan is to kill this program `when` it gives something this name.
void DieAt(const char* when, const char* name) {
  const char* plan = getenv("HP_FAULT_PLAN");
  if (plan == nullptr) return;
  const int saved = errno;
  char program[64] = {};
  char kind[16] = {};
  char pattern[256] = "*";
  FILE* file = fopen(plan, "re");
  if (file != nullptr) {
    const int read =
        fscanf(file, "%63s %15s %254s", program, kind, pattern + 1);
    fclose(file);
    if (read == 3 && strcmp(kind, when) == 0 &&
        fnmatch(pattern, name, 0) == 0 && IsThisProgram(program) &&
        unlink(plan) == 0) {
      Die();
    }
  }
  errno = saved;
}

// Called before every operation. Kills, fills and closes by itself; kTorn is
// for a write to do.
Fault Next() {
  const char* plan = getenv("HP_FAULT_PLAN");
  if (plan == nullptr) return Fault::kNone;
  const std::lock_guard lock(mutex);
  const int saved = errno;
  Fault fault = NowMs() < full_until_ms ? Fault::kNoSpace : Fault::kNone;
  FILE* file = fopen(plan, "re");
  if (file == nullptr) {
    operations = 0;
    errno = saved;
    return fault;
  }
  char program[64] = {};
  char kind[16] = {};
  long long at = 0;
  long long milliseconds = 0;
  const int read =
      fscanf(file, "%63s %15s %lld %lld", program, kind, &at, &milliseconds);
  fclose(file);
  if (read >= 3 && IsThisProgram(program) && ++operations >= at &&
      unlink(plan) == 0) {
    operations = 0;
    if (strcmp(kind, "kill") == 0) Die();
    if (strcmp(kind, "torn") == 0) fault = Fault::kTorn;
    if (strcmp(kind, "sockets") == 0) CloseSockets();
    if (strcmp(kind, "nospace") == 0) {
      full_until_ms = NowMs() + milliseconds;
      fault = Fault::kNoSpace;
    }
  }
  errno = saved;
  return fault;
}

bool IsFile(int fd) {
  struct stat info {};

  return fd > 2 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// Runs `real(bytes)` as the plan says.
template <typename Write>
ssize_t WriteWith(int fd, size_t bytes, Write real) {
  if (!IsFile(fd)) return real(bytes);
  switch (Next()) {
    case Fault::kNoSpace:
      errno = ENOSPC;
      return -1;
    case Fault::kTorn:
      (void)real(bytes / 2);
      Die();
    default:
      return real(bytes);
  }
}

// What makes something durable or visible: `real()` as the plan says.
template <typename Call>
int CallWith(Call real) {
  if (Next() == Fault::kTorn) Die();
  return real();
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t bytes) {
  static const auto real = Real<decltype(&write)>("write");
  return WriteWith(fd, bytes, [&](size_t n) { return real(fd, data, n); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto real = Real<decltype(&writev)>("writev");
  return WriteWith(fd, 0, [&](size_t) { return real(fd, parts, count); });
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) {
  static const auto real = Real<decltype(&pwrite)>("pwrite");
  return WriteWith(fd, bytes, [&](size_t n) { return real(fd, data, n, at); });
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t at) {
  static const auto real = Real<decltype(&pwrite64)>("pwrite64");
  return WriteWith(fd, bytes, [&](size_t n) { return real(fd, data, n, at); });
}

int fsync(int fd) {
  static const auto real = Real<decltype(&fsync)>("fsync");
  return CallWith([&] { return real(fd); });
}

int fdatasync(int fd) {
  static const auto real = Real<decltype(&fdatasync)>("fdatasync");
  return CallWith([&] { return real(fd); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = Real<decltype(&rename)>("rename");
  DieAt("before", to);
  const int done = CallWith([&] { return real(from, to); });
  DieAt("after", to);
  return done;
}

int link(const char* from, const char* to) noexcept {
  static const auto real = Real<decltype(&link)>("link");
  return CallWith([&] { return real(from, to); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static const auto real = Real<decltype(&unlinkat)>("unlinkat");
  return CallWith([&] { return real(folder, path, flags); });
}

}  // extern "C"
