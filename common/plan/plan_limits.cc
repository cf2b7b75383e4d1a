#include "common/plan/plan_limits.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/plan/block_model.h"
#include "common/plan/plan_search.h"

namespace halfpipe {
namespace {

// Positions in time that the models' rotations have.
constexpr int64_t kMaxLatentFrames = 1024;
constexpr int64_t kGpuStep = int64_t{64} << 20;
constexpr int64_t kMostGpuSteps = (int64_t{4} << 40) / kGpuStep;
constexpr double kGiB = static_cast<double>(int64_t{1} << 30);

std::string GiB(int64_t bytes) {
  return absl::StrFormat("%.2f GiB", static_cast<double>(bytes) / kGiB);
}

// As a setting: no less than `bytes`.
std::string AtLeast(int64_t bytes) {
  constexpr double kSteps = 100.0;
  return absl::StrFormat(
      "%.2fGiB",
      std::ceil(static_cast<double>(bytes) / kGiB * kSteps) / kSteps);
}

// What the worst stage lacks: of its device before anything of the host.
std::pair<int64_t, int64_t> Worst(const std::vector<Shortfall>& lacks) {
  std::pair<int64_t, int64_t> worst = {0, 0};
  for (const Shortfall& stage : lacks) {
    worst.first = std::max(worst.first, stage.device_bytes);
    worst.second = std::max(worst.second, stage.host_bytes);
  }
  return worst;
}

// Of all splits the one that comes closest, with the most parts.
absl::StatusOr<std::vector<Shortfall>> ShortfallsAsItIs(
    const PlanRequest& request) {
  HP_ASSIGN_OR_RETURN(PlanSearch search,
                      PlanSearch::Create(request, ChunkCounts(request).back()));
  std::vector<Shortfall> least;
  for (const int64_t split : search.Splits()) {
    std::vector<Shortfall> lacks = search.ShortfallsAt(split);
    if (least.empty() || Worst(lacks) < Worst(least)) least = std::move(lacks);
  }
  return least;
}

// The optimizer goes to the host only where a GPU is short.
absl::StatusOr<std::vector<Shortfall>> LeastShortfalls(
    const PlanRequest& request) {
  HP_ASSIGN_OR_RETURN(std::vector<Shortfall> lacks, ShortfallsAsItIs(request));
  if (Worst(lacks).first <= 0) return lacks;
  return ShortfallsAsItIs(Leanest(request));
}

// "needs at least 20.65 GiB: weights 14.03, ..."
std::string NeedText(const StagePlan& plan) {
  const std::pair<const char*, int64_t> parts[] = {
      {"weights", plan.weight_bytes},
      {"LoRA and its optimizer", plan.trained_bytes},
      {"CUDA and NCCL", plan.fixed_bytes},
      {"what crosses between the stages", plan.boundary_bytes},
      {"a block at work", plan.cost.working_bytes},
      {"kept and copied", plan.cost.saved_bytes + plan.cost.staging_bytes},
      {"allocator", plan.slack_bytes}};
  std::vector<std::string> texts;
  for (const auto& [name, bytes] : parts) {
    texts.push_back(
        absl::StrFormat("%s %.2f", name, static_cast<double>(bytes) / kGiB));
  }
  return absl::StrCat("its ", plan.activations.size(), " blocks need at least ",
                      GiB(plan.peak_bytes), " (", absl::StrJoin(texts, ", "),
                      ")");
}

// What a GPU lacks, in words.
std::string DeviceLack(const PlanRequest& request, const Shortfall& lacks,
                       size_t rank) {
  const DeviceRates& device = request.devices[rank];
  const bool capped = request.gpu_memory_bytes > 0 &&
                      request.gpu_memory_bytes <= device.free_bytes;
  return absl::StrCat("GPU ", rank, " (", device.name, ") lacks ",
                      GiB(lacks.device_bytes), ": ",
                      capped
                          ? absl::StrCat("pipeline.gpu_memory allows ",
                                         GiB(request.gpu_memory_bytes))
                          : absl::StrCat(GiB(device.free_bytes), " are free"),
                      " and ", NeedText(lacks.leanest));
}

// What the hosts lack: one line for a budget that stages share.
std::vector<std::string> HostLacks(const PlanRequest& request,
                                   const std::vector<Shortfall>& lacks) {
  std::vector<std::string> lines;
  const bool shared = request.host_memory_bytes.size() == 1;
  for (size_t rank = 0; rank < lacks.size(); ++rank) {
    // Of a shared budget the last stage lacks what all lack together.
    if (lacks[rank].host_bytes <= 0) continue;
    if (shared && rank + 1 < lacks.size() && lacks.back().host_bytes > 0) {
      continue;
    }
    std::vector<std::string> needs;
    for (size_t r = shared ? 0 : rank; r <= rank; ++r) {
      needs.push_back(absl::StrFormat(
          "%.2f on stage %d",
          static_cast<double>(lacks[r].least_host_bytes) / kGiB, r));
    }
    lines.push_back(
        absl::StrCat("the host lacks ", GiB(lacks[rank].host_bytes),
                     " of pinned memory: ", request.host_memory_source, " ",
                     GiB(request.host_memory_bytes[shared ? 0 : rank]),
                     " and what the GPUs cannot hold is at least ",
                     absl::StrJoin(needs, " and ")));
  }
  return lines;
}

// Settings that would do for `request`, of which the caller says what leads
// there.
class WaysOut {
 public:
  WaysOut(const PlanRequest& request, std::string prefix)
      : request_(request), prefix_(std::move(prefix)) {}

  std::vector<std::string> Find() {
    if (const int64_t frames = LongestFitting(request_); frames > 0) {
      Add(absl::StrCat("data.frames: ", frames));
    }
    Try("pipeline.memory: auto", [](PlanRequest* r) { r->policy.reset(); });
    Try("pipeline.split_at: auto", [](PlanRequest* r) { r->split.reset(); });
    Try("pipeline.warmup: auto",
        [](PlanRequest* r) { r->fixed_warmup = false; });
    TryMoreHost();
    TryMoreGpu();
    return std::move(ways_);
  }

 private:
  void Add(const std::string& way) {
    ways_.push_back(absl::StrCat(prefix_, way));
  }

  template <typename Change>
  void Try(const char* way, Change change) {
    PlanRequest changed = request_;
    change(&changed);
    const bool differs = changed.policy != request_.policy ||
                         changed.split != request_.split ||
                         changed.fixed_warmup != request_.fixed_warmup;
    if (differs && Fits(changed)) Add(way);
  }

  void TryMoreHost() {
    const auto lacks = LeastShortfalls(request_);
    if (!lacks.ok()) return;
    int64_t host = 0;
    for (const Shortfall& stage : *lacks) {
      host = std::max(host, stage.host_bytes);
    }
    PlanRequest more = request_;
    for (int64_t& budget : more.host_memory_bytes) budget += host;
    if (host > 0 && Fits(more)) {
      Add(absl::StrCat("pipeline.host_memory: ",
                       AtLeast(more.host_memory_bytes.front())));
    }
  }

  void TryMoreGpu() {
    if (request_.gpu_memory_bytes == 0) return;
    PlanRequest more = request_;
    more.gpu_memory_bytes = NeededGpuBytes(request_);
    if (more.gpu_memory_bytes > 0 && Fits(more)) {
      Add(absl::StrCat("pipeline.gpu_memory: ",
                       AtLeast(more.gpu_memory_bytes)));
    }
  }

  const PlanRequest& request_;
  const std::string prefix_;
  std::vector<std::string> ways_;
};

std::string WaysText(const PlanRequest& request) {
  std::vector<std::string> ways = WaysOut(request, "").Find();
  if (request.weights == WeightForm::kBf16) {
    PlanRequest fp8 = request;
    fp8.weights = WeightForm::kFp8;
    constexpr char kFp8[] = "model.weights: fp8";
    if (Fits(fp8)) {
      ways.emplace_back(kFp8);
    } else if (ways.empty()) {
      ways = WaysOut(fp8, absl::StrCat(kFp8, " and ")).Find();
    }
  }
  if (!ways.empty()) {
    return absl::StrCat("This would fit: ", absl::StrJoin(ways, ", or "));
  }
  const int64_t needed = NeededGpuBytes(request);
  return absl::StrCat("Not even one frame of this size fits",
                      needed == 0
                          ? std::string()
                          : absl::StrCat("; all of them would with ",
                                         GiB(needed), " free on each GPU"));
}

bool FitsAsItIs(const PlanRequest& request) {
  for (int64_t parts : ChunkCounts(request)) {
    absl::StatusOr<PlanSearch> search = PlanSearch::Create(request, parts);
    if (!search.ok()) return false;
    for (int64_t split : search->Splits()) {
      if (search->Fits(split)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<int64_t> ChunkCounts(const PlanRequest& request) {
  std::vector<int64_t> counts;
  for (int64_t parts = 1; parts <= request.max_ffn_chunks; parts *= 2) {
    counts.push_back(parts);
  }
  return counts;
}

PlanRequest Leanest(const PlanRequest& request) {
  PlanRequest lean = request;
  lean.optimizer_on_host = true;
  const auto hosts = static_cast<int64_t>(lean.host_memory_bytes.size());
  for (int64_t& budget : lean.host_memory_bytes) {
    budget -= request.lora_parameters * kOptimizerBytes / hosts;
    if (budget < 0) return request;
  }
  return request.optimizer_on_host ? request : lean;
}

bool Fits(const PlanRequest& request) {
  return FitsAsItIs(request) ||
         (!request.optimizer_on_host && FitsAsItIs(Leanest(request)));
}

int64_t LongestFitting(PlanRequest request) {
  int64_t fits = 0;
  int64_t beyond = kMaxLatentFrames + 1;
  while (beyond - fits > 1) {
    request.clip.latent_frames = (fits + beyond) / 2;
    (Fits(request) ? fits : beyond) = request.clip.latent_frames;
  }
  request.clip.latent_frames = fits;
  return fits == 0 ? 0 : request.clip.frames();
}

int64_t NeededGpuBytes(PlanRequest request) {
  for (DeviceRates& device : request.devices) {
    device.free_bytes = kMostGpuSteps * kGpuStep;
  }
  int64_t lacks = 0;
  int64_t fits = kMostGpuSteps;
  request.gpu_memory_bytes = fits * kGpuStep;
  if (!Fits(request)) return 0;
  while (fits - lacks > 1) {
    const int64_t middle = (fits + lacks) / 2;
    request.gpu_memory_bytes = middle * kGpuStep;
    (Fits(request) ? fits : lacks) = middle;
  }
  return fits * kGpuStep;
}

absl::Status NothingFits(const PlanRequest& request) {
  HP_ASSIGN_OR_RETURN(const std::vector<Shortfall> lacks,
                      LeastShortfalls(request));
  std::vector<std::string> reasons;
  for (size_t rank = 0; rank < lacks.size(); ++rank) {
    if (lacks[rank].device_bytes <= 0) continue;
    reasons.push_back(DeviceLack(request, lacks[rank], rank));
  }
  for (std::string& line : HostLacks(request, lacks)) {
    reasons.push_back(std::move(line));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "no memory plan fits ", request.clip.frames(), " frames (",
      request.clip.tokens(), " tokens): ", absl::StrJoin(reasons, "; "), ". ",
      WaysText(request)));
}

}  // namespace halfpipe
