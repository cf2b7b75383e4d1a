#include "coordinator/run/job_failure.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/failure.h"

namespace halfpipe {
namespace {

constexpr int kMostRefusals = 3;

std::string GiB(int64_t bytes) {
  return absl::StrFormat("%.2f GiB", static_cast<double>(bytes) /
                                         static_cast<double>(int64_t{1} << 30));
}

// "cuda:1 (NVIDIA H200) on node7"
std::string DeviceText(const StageInfo& stage) {
  return absl::StrCat(stage.device, stage.device_name.empty() ? "" : " (",
                      stage.device_name, stage.device_name.empty() ? "" : ")",
                      " on ", stage.host);
}

std::string PinAdvice(const StageForecast* forecast) {
  return absl::StrCat(
      forecast == nullptr
          ? std::string()
          : absl::StrCat("; the memory plan pins up to ",
                         GiB(forecast->pinned_bytes), " on this stage"),
      "; raise the limit (ulimit -l, systemd's LimitMEMLOCK= or MemoryMax=, "
      "docker's --ulimit memlock=-1 or --memory), or lower "
      "pipeline.host_memory (--host-memory)");
}

std::string HostMemoryAdvice(const StageInfo& stage) {
  return absl::StrCat(
      "; host memory ran out on ", stage.host,
      ": lower pipeline.host_memory (--host-memory), end what else uses it, or "
      "raise the limit (systemd's MemoryMax=, docker's --memory)");
}

std::string MemoryAdvice(const StageInfo& stage,
                         const StageForecast* forecast) {
  if (stage.device == "cpu") return "";
  if (forecast == nullptr) {
    return absl::StrCat("; nothing was planned for ", DeviceText(stage),
                        ": set pipeline.memory: recompute, or train on fewer "
                        "frames or smaller pictures");
  }
  constexpr int64_t kStep = int64_t{1} << 30;
  return absl::StrCat(
      "; the memory plan expected at most ", GiB(forecast->peak_bytes), " of ",
      GiB(forecast->budget_bytes), " on ", DeviceText(stage),
      ". If another process uses this GPU, end it, or set pipeline.gpu_memory "
      "(--gpu-memory) to what it leaves free; if none does, set it to ",
      (forecast->budget_bytes - kStep) / (kStep >> 10), "MiB");
}

std::string NcclAdvice(const StageInfo& stage) {
  return absl::StrCat(
      "; the link to ", DeviceText(stage),
      " failed: NCCL_DEBUG=INFO in both stages' environment makes their logs "
      "say why, NCCL_P2P_DISABLE=1 or NCCL_SHM_DISABLE=1 goes round broken "
      "peer access or shared memory (docker: --shm-size)");
}

// "": the failure says it all.
std::string AdviceFor(FailureKind kind, const StageInfo& stage,
                      const StageForecast* forecast) {
  switch (kind) {
    case FailureKind::kPinRefused:
      return PinAdvice(forecast);
    case FailureKind::kHostMemory:
      return HostMemoryAdvice(stage);
    case FailureKind::kDeviceMemory:
      return MemoryAdvice(stage, forecast);
    case FailureKind::kDeviceFault:
      return absl::StrCat("; ", DeviceText(stage),
                          " failed or was lost: look for Xid in dmesg there, "
                          "and at nvidia-smi");
    case FailureKind::kNccl:
      return NcclAdvice(stage);
    default:
      return "";
  }
}

}  // namespace

absl::Status ExplainFailure(const absl::Status& status, const StageInfo& stage,
                            const StageForecast* forecast) {
  const Failure failure = DescribeFailure(status);
  const std::string advice = AdviceFor(failure.kind, stage, forecast);
  if (advice.empty()) return status;
  absl::Status explained(status.code(), absl::StrCat(status.message(), advice));
  if (const auto carried = FailureOf(status); carried.has_value()) {
    SetFailure(*carried, &explained);
  }
  return explained;
}

void MarkStuck(absl::Status* status) {
  MarkFailure(FailureKind::kStuck, status);
}

absl::string_view RestartReason(const absl::Status& cause) {
  const FailureKind kind = DescribeFailure(cause).kind;
  switch (kind) {
    case FailureKind::kStuck:
    case FailureKind::kDeviceFault:
    case FailureKind::kPinRefused:
    case FailureKind::kNonFinite:
    case FailureKind::kShortage:
      return FailureKindName(kind);
    default:
      break;
  }
  switch (cause.code()) {
    case absl::StatusCode::kUnavailable:
      return "stage_lost";
    case absl::StatusCode::kAborted:
      return "link";
    case absl::StatusCode::kDeadlineExceeded:
      return "timeout";
    case absl::StatusCode::kCancelled:
      return "stopping";
    default:
      return "other";
  }
}

std::vector<int64_t> LimitsAfterRefusal(
    const std::vector<StageForecast>& forecasts,
    const std::vector<int64_t>& limits, int32_t rank, const PinRefusal& refusal,
    int refusals_before) {
  std::vector<int64_t> after;
  after.reserve(forecasts.size());
  for (size_t r = 0; r < forecasts.size(); ++r) {
    const int64_t planned = forecasts[r].pinned_bytes;
    after.push_back(limits.empty() ? planned : std::min(planned, limits[r]));
  }
  int64_t& own = after[static_cast<size_t>(rank)];
  if (refusals_before >= kMostRefusals) {
    own = 0;
  } else if (refusal.pinned_bytes < own) {
    own = refusal.pinned_bytes;
  } else {
    // Clips of several sizes pin more than the plan knows of.
    own = std::max<int64_t>(0, own - std::max<int64_t>(1, refusal.asked_bytes));
  }
  return after;
}

}  // namespace halfpipe
