// The one typed failure: of which kind it is, which stage it comes from and
// what is done about it. It rides on an absl::Status, whose message is for
// people alone, from where it arises through the stage protocol and the
// coordinator's decision to the job's record and the client. Nothing asks a
// message what happened (docs/decisions/0080).
#ifndef HP_COMMON_BASE_FAILURE_H_
#define HP_COMMON_BASE_FAILURE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// What went wrong; docs/faults.md has a row for each. The values are stored and
// sent (FailureKind of proto/halfpipe/v1/jobs.proto), so they never change.
enum class FailureKind {
  kUnknown = 0,       // of a record from before there were kinds
  kInput = 1,         // the job's config, files or data set are wrong
  kSetup = 2,         // programs, machine or state are not as it takes
  kDamagedFile = 3,   // a file does not hold what it should
  kNonFinite = 4,     // a loss or gradient is NaN or infinite
  kDeviceMemory = 5,  // the device's memory ran out
  kHostMemory = 6,    // the host's memory ran out
  kPinRefused = 7,    // the host does not let a stage pin what was planned
  kNoMemoryPlan = 8,  // the model does not fit the pair's memory in any way
  kDeviceFault = 9,   // the device failed, not the program
  kNccl = 10,         // NCCL failed
  kLink = 11,       // the link between the stages was closed, or an epoch over
  kStageLost = 12,  // a stage's process is gone or unreachable
  kStuck = 13,      // a stage lives and does not get on
  kTimeout = 14,    // something took longer than it may
  kStopping = 15,   // a stage was told to end
  kDiskFull = 16,   // there is no room on a disk
  kShortage = 17,   // descriptors or memory of the system have run out
  kUndelivered = 18,  // a stage's result could not be sent
  kInternal = 19,     // a fault of the program's own
};

// What is done about a failure. Stored and sent as FailureKind is.
enum class Remedy {
  kUnknown = 0,
  kEndJob = 1,          // nothing: it would fail again
  kFormAgain = 2,       // a new epoch, from what is committed or still held
  kRollBack = 3,        // where train.on_nonfinite says so; else as kEndJob
  kPinLess = 4,         // a plan that pins less, then as kFormAgain
  kWaitForDisk = 5,     // until there is room
  kWaitForSystem = 6,   // until there are descriptors and memory
  kTryAnotherPair = 7,  // the job is queued for another one, if there is one
};

// The host did not let this process pin as much memory as its plan asks for.
struct PinRefusal {
  int64_t pinned_bytes = 0;  // what it had pinned by then
  int64_t asked_bytes = 0;   // what it was refused

  friend bool operator==(const PinRefusal&, const PinRefusal&) = default;
};

struct Failure {
  FailureKind kind = FailureKind::kUnknown;
  Remedy remedy = Remedy::kUnknown;
  std::optional<int32_t> stage = {};   // the rank that it comes from
  std::optional<PinRefusal> pin = {};  // of kPinRefused
  // "NAME=value" that a fresh process of this stage needs to get further; it
  // does not leave the process.
  std::vector<std::string> restart_environment = {};

  friend bool operator==(const Failure&, const Failure&) = default;
};

// "device_fault", "form_again": for payloads, JSON and metrics; "unknown" for a
// value that this version does not know. And the inverse, kUnknown for a name
// that is none.
[[nodiscard]] absl::string_view FailureKindName(FailureKind kind);
[[nodiscard]] FailureKind ParseFailureKind(absl::string_view name);
[[nodiscard]] absl::string_view RemedyName(Remedy remedy);
[[nodiscard]] Remedy ParseRemedy(absl::string_view name);

// Puts `failure` on a failed status in place of what it carried; on an OK one
// nothing. Annotate keeps it.
void SetFailure(const Failure& failure, absl::Status* status);
// What the status carries; nullopt: nothing, or it is OK.
[[nodiscard]] std::optional<Failure> FailureOf(const absl::Status& status);

// What the status carries, and what it lacks by its code: Unavailable is
// kStageLost, Aborted kLink, ResourceExhausted kDeviceMemory, ... Of an OK
// status a Failure of nothing.
[[nodiscard]] Failure DescribeFailure(const absl::Status& status);

// Makes the status one of this kind, with the remedy of that (one of several
// remedies by the status' code); what else it carries stays.
void MarkFailure(FailureKind kind, absl::Status* status);
// Whether it was marked so; what its code alone says does not count.
[[nodiscard]] bool IsMarked(const absl::Status& status, FailureKind kind);

// `status` with all that DescribeFailure says put on it, and `stage` where it
// names none yet.
[[nodiscard]] absl::Status Described(
    absl::Status status, std::optional<int32_t> stage = std::nullopt);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_FAILURE_H_
