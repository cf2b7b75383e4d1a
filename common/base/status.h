// Error handling for the whole project: absl::Status everywhere, no exception
// leaves the torch folders (docs/decisions/0003-status-policy.md).
//
// Codes and what they mean here:
//   InvalidArgument     bad input or configuration: fix it, do not retry
//   NotFound            a file, job or tensor that was named does not exist
//   FailedPrecondition  the call is not allowed in the present state
//   ResourceExhausted   out of device or host memory, disk, quota
//   DeadlineExceeded    a peer or device did not answer in time
//   Unavailable         the peer or the coordinator is away: retry
//   Aborted             the epoch is over: join again
//   Cancelled           somebody asked for the stop
//   DataLoss            a checksum does not match, a file is truncated
//   Internal            a bug or a device fault: do not retry
#ifndef HP_COMMON_BASE_STATUS_H_
#define HP_COMMON_BASE_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Puts `context` in front of a failed status's message ("context: message"),
// keeping its code and payloads; an OK status passes unchanged.
[[nodiscard]] absl::Status Annotate(const absl::Status& status,
                                    absl::string_view context);

// Process exit codes, fixed by the command-line contract.
enum class ExitCode : int {
  kOk = 0,
  kJobFailed = 1,     // or: verify found a difference
  kUsage = 2,         // daemons are not restarted after 2 and 3
  kInvalidInput = 3,  // config, data, golden file or model
  kUnreachable = 4,   // the service does not answer
  kRefused = 5,       // authentication or authorisation
  kCancelled = 6,
  kDeviceMissing = 69,  // daemons only: no GPU, driver too old
  kTryAgain = 75,       // daemons only: the supervisor restarts the process
  kInterrupted = 130,
};

// The command line's exit code for a status; the table of the contract.
[[nodiscard]] ExitCode ExitCodeFor(const absl::Status& status);

// Prints the message and stops the process: only for broken invariants of our
// own, never for input, peers, disks or devices.
[[noreturn]] void CheckFailed(const char* file, int line,
                              const char* condition);

}  // namespace halfpipe

#define HP_CONCAT_INNER(a, b) a##b
#define HP_CONCAT(a, b) HP_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expr` is a failed absl::Status.
#define HP_RETURN_IF_ERROR(expr)                            \
  do {                                                      \
    if (absl::Status hp_status = (expr); !hp_status.ok()) { \
      return hp_status;                                     \
    }                                                       \
  } while (false)

// HP_ASSIGN_OR_RETURN(auto x, MakeX()): x = *MakeX(), or returns its status.
#define HP_ASSIGN_OR_RETURN(lhs, expr) \
  HP_ASSIGN_OR_RETURN_INNER(HP_CONCAT(hp_statusor_, __LINE__), lhs, expr)
#define HP_ASSIGN_OR_RETURN_INNER(var, lhs, expr) \
  auto var = (expr);                              \
  if (!var.ok()) return std::move(var).status();  \
  lhs = *std::move(var)

#define HP_CHECK(condition)                                    \
  do {                                                         \
    if (!(condition)) {                                        \
      ::halfpipe::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                          \
  } while (false)

#endif  // HP_COMMON_BASE_STATUS_H_
