#include "common/base/failure.h"

#include <array>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace halfpipe {
namespace {

// The only payload of a status in these programs. Lines of "key=value", which
// logs show.
constexpr char kPayload[] = "halfpipe/failure";

constexpr std::array<std::pair<FailureKind, const char*>, 20> kKindNames = {{
    {FailureKind::kUnknown, "unknown"},
    {FailureKind::kInput, "input"},
    {FailureKind::kSetup, "setup"},
    {FailureKind::kDamagedFile, "damaged_file"},
    {FailureKind::kNonFinite, "nonfinite"},
    {FailureKind::kDeviceMemory, "device_memory"},
    {FailureKind::kHostMemory, "host_memory"},
    {FailureKind::kPinRefused, "pin_refused"},
    {FailureKind::kNoMemoryPlan, "no_memory_plan"},
    {FailureKind::kDeviceFault, "device_fault"},
    {FailureKind::kNccl, "nccl"},
    {FailureKind::kLink, "link"},
    {FailureKind::kStageLost, "stage_lost"},
    {FailureKind::kStuck, "stuck"},
    {FailureKind::kTimeout, "timeout"},
    {FailureKind::kStopping, "stopping"},
    {FailureKind::kDiskFull, "disk_full"},
    {FailureKind::kShortage, "shortage"},
    {FailureKind::kUndelivered, "undelivered"},
    {FailureKind::kInternal, "internal"},
}};

constexpr std::array<std::pair<Remedy, const char*>, 8> kRemedyNames = {{
    {Remedy::kUnknown, "unknown"},
    {Remedy::kEndJob, "end_job"},
    {Remedy::kFormAgain, "form_again"},
    {Remedy::kRollBack, "roll_back"},
    {Remedy::kPinLess, "pin_less"},
    {Remedy::kWaitForDisk, "wait_for_disk"},
    {Remedy::kWaitForSystem, "wait_for_system"},
    {Remedy::kTryAnotherPair, "try_another_pair"},
}};

template <typename Names, typename Value>
absl::string_view NameIn(const Names& names, Value wanted) {
  for (const auto& [value, name] : names) {
    if (value == wanted) return name;
  }
  return "unknown";
}

template <typename Value, typename Names>
Value ValueIn(const Names& names, absl::string_view wanted) {
  for (const auto& [value, name] : names) {
    if (wanted == name) return value;
  }
  return Value::kUnknown;
}

FailureKind KindOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kOutOfRange:
      return FailureKind::kInput;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
      return FailureKind::kSetup;
    case absl::StatusCode::kDataLoss:
      return FailureKind::kDamagedFile;
    case absl::StatusCode::kResourceExhausted:
      return FailureKind::kDeviceMemory;
    case absl::StatusCode::kUnavailable:
      return FailureKind::kStageLost;
    case absl::StatusCode::kAborted:
      return FailureKind::kLink;
    case absl::StatusCode::kDeadlineExceeded:
      return FailureKind::kTimeout;
    case absl::StatusCode::kCancelled:
      return FailureKind::kStopping;
    default:
      return FailureKind::kInternal;
  }
}

// The process or its peer was away, or the epoch was over.
Remedy RemedyOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return Remedy::kFormAgain;
    default:
      return Remedy::kEndJob;
  }
}

Remedy RemedyOf(FailureKind kind, absl::StatusCode code) {
  switch (kind) {
    case FailureKind::kNonFinite:
      return Remedy::kRollBack;
    case FailureKind::kPinRefused:
      return Remedy::kPinLess;
    case FailureKind::kNoMemoryPlan:
      return Remedy::kTryAnotherPair;
    case FailureKind::kDeviceFault:  // a fresh process may find it well
    case FailureKind::kStuck:
      return Remedy::kFormAgain;
    case FailureKind::kDiskFull:
      return Remedy::kWaitForDisk;
    case FailureKind::kShortage:
      return Remedy::kWaitForSystem;
    default:
      return RemedyOfCode(code);
  }
}

std::string PayloadText(const Failure& failure) {
  std::string text = absl::StrCat("kind=", FailureKindName(failure.kind),
                                  "\nremedy=", RemedyName(failure.remedy));
  if (failure.stage.has_value()) {
    absl::StrAppend(&text, "\nstage=", *failure.stage);
  }
  if (failure.pin.has_value()) {
    absl::StrAppend(&text, "\npinned=", failure.pin->pinned_bytes,
                    "\nasked=", failure.pin->asked_bytes);
  }
  for (const std::string& assignment : failure.restart_environment) {
    absl::StrAppend(&text, "\nenvironment=", assignment);
  }
  return text;
}

void TakeField(absl::string_view key, absl::string_view value,
               Failure* failure) {
  int64_t number = 0;
  if (key == "kind") {
    failure->kind = ParseFailureKind(value);
  } else if (key == "remedy") {
    failure->remedy = ParseRemedy(value);
  } else if (key == "environment") {
    failure->restart_environment.emplace_back(value);
  } else if (!absl::SimpleAtoi(value, &number)) {
    return;
  } else if (key == "stage") {
    failure->stage = static_cast<int32_t>(number);
  } else {
    if (!failure->pin.has_value()) failure->pin.emplace();
    (key == "pinned" ? failure->pin->pinned_bytes : failure->pin->asked_bytes) =
        number;
  }
}

}  // namespace

absl::string_view FailureKindName(FailureKind kind) {
  return NameIn(kKindNames, kind);
}

FailureKind ParseFailureKind(absl::string_view name) {
  return ValueIn<FailureKind>(kKindNames, name);
}

absl::string_view RemedyName(Remedy remedy) {
  return NameIn(kRemedyNames, remedy);
}

Remedy ParseRemedy(absl::string_view name) {
  return ValueIn<Remedy>(kRemedyNames, name);
}

void SetFailure(const Failure& failure, absl::Status* status) {
  status->SetPayload(kPayload, absl::Cord(PayloadText(failure)));
}

std::optional<Failure> FailureOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return std::nullopt;
  Failure failure;
  const std::string text(*payload);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    TakeField(field.first, field.second, &failure);
  }
  return failure;
}

Failure DescribeFailure(const absl::Status& status) {
  Failure failure = FailureOf(status).value_or(Failure());
  if (status.ok()) return failure;
  if (failure.kind == FailureKind::kUnknown) {
    failure.kind = KindOfCode(status.code());
  }
  if (failure.remedy == Remedy::kUnknown) {
    failure.remedy = RemedyOf(failure.kind, status.code());
  }
  return failure;
}

void MarkFailure(FailureKind kind, absl::Status* status) {
  Failure failure = FailureOf(*status).value_or(Failure());
  failure.kind = kind;
  failure.remedy = RemedyOf(kind, status->code());
  SetFailure(failure, status);
}

bool IsMarked(const absl::Status& status, FailureKind kind) {
  const std::optional<Failure> failure = FailureOf(status);
  return failure.has_value() && failure->kind == kind;
}

absl::Status Described(absl::Status status, std::optional<int32_t> stage) {
  Failure failure = DescribeFailure(status);
  if (!failure.stage.has_value()) failure.stage = stage;
  SetFailure(failure, &status);
  return status;
}

}  // namespace halfpipe
