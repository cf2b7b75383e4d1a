#include "decode/confinement.h"

#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// A sanitizer maps terabytes of shadow memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitMemory = false;
#else
constexpr bool kLimitMemory = true;
#endif

absl::Status SetLimit(__rlimit_resource resource, uint64_t value) {
  struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
  if (setrlimit(resource, &limit) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "setrlimit ", static_cast<int>(resource), " failed: errno ", errno));
}

absl::Status SetLimits(const ConfinementLimits& limits) {
  HP_RETURN_IF_ERROR(SetLimit(RLIMIT_CORE, 0));
  HP_RETURN_IF_ERROR(SetLimit(RLIMIT_CPU, limits.cpu_seconds));
  HP_RETURN_IF_ERROR(SetLimit(RLIMIT_NPROC, 0));
  HP_RETURN_IF_ERROR(SetLimit(RLIMIT_NOFILE, 0));
  HP_RETURN_IF_ERROR(SetLimit(RLIMIT_FSIZE, 0));
  if (!kLimitMemory) return absl::OkStatus();
  return SetLimit(RLIMIT_AS, limits.memory_bytes);
}

absl::Status RuleStatus(int result, absl::string_view what) {
  if (result == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("seccomp rule for ", what, " failed: ", -result));
}

// Calls that are harmless with any argument.
constexpr int kAllowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),  // glibc's qsort asks how much memory there is
};

// Libraries ask for files that are not needed (time zones, CPU lists) and cope
// with a refusal.
constexpr int kRefused[] = {SCMP_SYS(open),     SCMP_SYS(openat),
                            SCMP_SYS(access),   SCMP_SYS(faccessat),
                            SCMP_SYS(readlink), SCMP_SYS(ioctl)};

absl::Status AddRules(scmp_filter_ctx filter) {
  for (int call : kAllowed) {
    HP_RETURN_IF_ERROR(RuleStatus(
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), "a harmless call"));
  }
  for (int call : kRefused) {
    HP_RETURN_IF_ERROR(
        RuleStatus(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), call, 0),
                   "a refused call"));
  }
  // Output goes to standard output and error only.
  for (int call : {SCMP_SYS(write), SCMP_SYS(writev)}) {
    for (unsigned fd : {1U, 2U}) {
      HP_RETURN_IF_ERROR(
          RuleStatus(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                      SCMP_A0(SCMP_CMP_EQ, fd)),
                     "write"));
    }
  }
  // Memory, but none that can be executed.
  for (int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    HP_RETURN_IF_ERROR(
        RuleStatus(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
                   "memory"));
  }
  return absl::OkStatus();
}

absl::Status LoadFilter() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return absl::InternalError("seccomp_init failed");
  absl::Cleanup release = [filter] { seccomp_release(filter); };
  HP_RETURN_IF_ERROR(AddRules(filter));
  return RuleStatus(seccomp_load(filter), "loading the filter");
}

}  // namespace

absl::Status Confine(const ConfinementLimits& limits) {
  // Whatever libc reads files for once must be read now.
  tzset();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::InternalError(absl::StrCat("prctl failed: errno ", errno));
  }
  HP_RETURN_IF_ERROR(SetLimits(limits));
  return LoadFilter();
}

}  // namespace halfpipe
