#include "coordinator/run/job_memory.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/plan/activation_plan.h"
#include "common/plan/plan_request.h"
#include "common/plan/planner.h"
#include "common/plan/rates.h"
#include "coordinator/run/job_failure.h"
#include "coordinator/run/job_plan.h"

namespace halfpipe {
namespace {

// The planner searches for one split, so for the blocks of two stages.
constexpr size_t kMostPlannedStages = 2;

double InGiB(int64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(int64_t{1} << 30);
}

// Empty: a stage has not measured its device.
absl::StatusOr<std::vector<DeviceRates>> RatesOf(
    const std::vector<StageInfo>& stages) {
  std::vector<DeviceRates> devices;
  for (const StageInfo& stage : stages) {
    if (stage.device_rates.empty()) return std::vector<DeviceRates>();
    HP_ASSIGN_OR_RETURN(
        std::vector<DeviceRates> rates,
        ParseRates(stage.device_rates,
                   absl::StrCat("rates of stage ", stage.rank.value())));
    DeviceRates& device = rates.front();
    device.free_bytes =
        std::clamp<int64_t>(device.free_bytes + stage.device_free_change_bytes,
                            0, device.total_bytes);
    devices.push_back(std::move(device));
  }
  return devices;
}

// One number for stages that share a host, else one a stage. Of a shared host
// the larger: a stage that was started again in the middle of a job sees what
// the other one has pinned, and that one lets go of it at its next start.
std::vector<int64_t> AvailableBytes(const std::vector<StageInfo>& stages) {
  std::set<std::string> hosts;
  std::vector<int64_t> available;
  for (const StageInfo& stage : stages) {
    hosts.insert(stage.host);
    available.push_back(stage.host_available_bytes);
  }
  if (hosts.size() > 1) return available;
  return {*std::max_element(available.begin(), available.end())};
}

absl::StatusOr<JobMemory> WithoutPlan(const JobConfig& config,
                                      const ScanResult& scan) {
  JobMemory memory;
  HP_ASSIGN_OR_RETURN(memory.split,
                      SplitOf(config.pipeline, scan.model.layers));
  HP_ASSIGN_OR_RETURN(memory.schedule, ScheduleOf(config));
  const ActivationPolicy policy =
      config.pipeline.memory.value_or(ActivationPolicy::kRecompute);
  for (const int64_t blocks :
       pipeline::BlocksOfStages(scan.model.layers, memory.split,
                                static_cast<int32_t>(config.pipeline.stages))) {
    memory.memory_plan.push_back(
        ActivationPlan::Uniform(policy, blocks).ToText());
    memory.ffn_chunks.push_back(1);
  }
  return memory;
}

// By what the stages measure as what (stage/train/device_memory_meter.h).
DeviceMemoryUse PlannedUse(const StagePlan& stage) {
  return {.weights_bytes = stage.weight_bytes,
          .lora_bytes = stage.trained_bytes - stage.moment_bytes,
          .optimizer_bytes = stage.moment_bytes,
          .activations_bytes = stage.cost.device_bytes() + stage.boundary_bytes,
          .workspace_bytes = stage.fixed_bytes + stage.slack_bytes,
          .free_bytes = stage.budget_bytes - stage.peak_bytes};
}

JobMemory FromPlan(const TrainingPlan& plan) {
  JobMemory memory;
  memory.split = plan.split;
  memory.schedule = plan.schedule;
  memory.optimizer_on_host = plan.optimizer_on_host;
  memory.summary = absl::StrFormat("memory plan: predicted %.3g s/sample",
                                   plan.sample_seconds());
  for (size_t rank = 0; rank < plan.stages.size(); ++rank) {
    const StagePlan& stage = plan.stages[rank];
    memory.memory_plan.push_back(stage.activations.ToText());
    memory.ffn_chunks.push_back(stage.ffn_chunks);
    memory.forecasts.push_back({.peak_bytes = stage.peak_bytes,
                                .budget_bytes = stage.budget_bytes,
                                .pinned_bytes = stage.pinned_host_bytes(),
                                .memory = PlannedUse(stage)});
    absl::StrAppendFormat(
        &memory.summary, "; stage %d: %s, peak %.1f of %.1f GiB, pins %.1f GiB",
        rank, memory.memory_plan.back(), InGiB(stage.peak_bytes),
        InGiB(stage.budget_bytes), InGiB(stage.pinned_host_bytes()));
  }
  if (plan.optimizer_on_host) {
    absl::StrAppend(&memory.summary, "; the optimizer is in host memory");
  }
  return memory;
}

// Empty on CPUs without a cap, where nobody expects one.
std::string WhyThereIsNoPlan(const JobConfig& config,
                             const std::vector<StageInfo>& stages) {
  std::string why;
  for (const StageInfo& stage : stages) {
    if (stage.device == "cpu" || !stage.device_rates.empty()) continue;
    absl::StrAppend(&why, why.empty() ? "" : "; ", "stage ", stage.rank.value(),
                    " could not measure ", stage.device,
                    " when it started (was it full? its log says why)");
  }
  if (!why.empty()) {
    return absl::StrCat(
        "there is no memory plan, activations are ",
        config.pipeline.memory.has_value() ? "treated as asked" : "recomputed",
        ": ", why);
  }
  if (config.pipeline.gpu_memory_bytes == 0) return "";
  return "pipeline.gpu_memory is not kept: there is no memory plan without "
         "measured GPUs and bf16";
}

// Takes from the request's host budgets what cannot be had; a warning where
// that is less than the job asks for.
std::string LimitHost(const std::vector<int64_t>& available,
                      const std::vector<int64_t>& pin_limits,
                      PlanRequest* request) {
  if (!pin_limits.empty()) {
    request->host_memory_bytes = pin_limits;
    request->host_memory_source = "after a refusal, what could be pinned is";
    return "";
  }
  std::string warning;
  for (size_t i = 0; i < available.size(); ++i) {
    int64_t& budget = request->host_memory_bytes[i];
    // A host that does not say what it has (0) is taken at the job's word.
    const int64_t most = available[i] - kHostFloorBytes;
    if (available[i] == 0 || budget <= most) continue;
    warning = absl::StrFormat(
        "pipeline.host_memory allows %.1f GiB, but the host has only %.1f GiB "
        "left: planning with %.1f GiB",
        InGiB(budget), InGiB(available[i]), InGiB(std::max<int64_t>(0, most)));
    budget = std::max<int64_t>(0, most);
    request->host_memory_source = "the host has left";
  }
  return warning;
}

}  // namespace

absl::StatusOr<JobMemory> PlanJobMemory(
    const JobConfig& config, const ScanResult& scan,
    const std::vector<StageInfo>& stages,
    const std::vector<int64_t>& pin_limits) {
  HP_ASSIGN_OR_RETURN(JobMemory unplanned, WithoutPlan(config, scan));
  HP_ASSIGN_OR_RETURN(const std::vector<DeviceRates> devices, RatesOf(stages));
  if (stages.size() > kMostPlannedStages) return unplanned;
  if (devices.empty() || config.pipeline.dtype != ComputeDType::kBf16) {
    unplanned.warning = WhyThereIsNoPlan(config, stages);
    return unplanned;
  }
  const std::vector<int64_t> available = AvailableBytes(stages);
  HP_ASSIGN_OR_RETURN(PlanRequest request,
                      MakePlanRequest(config, scan.model, devices, available));
  const std::string warning = LimitHost(available, pin_limits, &request);
  absl::StatusOr<TrainingPlan> plan = PlanTraining(request);
  if (plan.ok()) {
    JobMemory planned = FromPlan(*plan);
    planned.warning = warning;
    return planned;
  }
  const bool named = config.pipeline.memory.has_value();
  if (!absl::IsResourceExhausted(plan.status())) return plan.status();
  if (!named) {
    absl::Status no_plan = plan.status();
    MarkFailure(FailureKind::kNoMemoryPlan, &no_plan);
    return no_plan;
  }
  unplanned.warning = absl::StrCat(
      "pipeline.memory is carried out as asked, "
      "but ",
      plan.status().message());
  return unplanned;
}

bool IsNoPlan(const absl::Status& status) {
  return IsMarked(status, FailureKind::kNoMemoryPlan) &&
         DescribeFailure(status).remedy == Remedy::kTryAnotherPair;
}

absl::StatusOr<JobMemory> RunMemory::Plan(const ScanResult& scan) {
  absl::StatusOr<JobMemory> made =
      PlanJobMemory(run_->plan.config, scan, run_->stages.Infos(), pin_limits_);
  if (!made.ok() && !refused_.empty()) {
    Failure failure = DescribeFailure(made.status());
    // Another pair would be tried for what this host alone refuses.
    failure.remedy = Remedy::kEndJob;
    absl::Status refused(
        made.status().code(),
        absl::StrCat(made.status().message(),
                     ". Pinned memory was refused: ", refused_));
    SetFailure(failure, &refused);
    return refused;
  }
  if (!made.ok()) return made;
  forecasts_ = made->forecasts;
  run_->host->SetForecasts(forecasts_);
  if (!made->warning.empty()) run_->Log(LogSeverity::kWarning, made->warning);
  if (!made->summary.empty()) run_->Log(LogSeverity::kInfo, made->summary);
  return made;
}

void RunMemory::Recall(const ScanResult& scan, const StartCommand& start) {
  if (!forecasts_.empty()) return;
  absl::StatusOr<JobMemory> memory =
      PlanJobMemory(run_->plan.config, scan, run_->stages.Infos(), pin_limits_);
  if (memory.ok() && memory->memory_plan == start.memory_plan) {
    forecasts_ = std::move(memory->forecasts);
  }
}

absl::Status RunMemory::Explain(Rank rank, const absl::Status& status) const {
  const StageInfo* const stage = run_->stages.info(rank);
  if (stage == nullptr) return status;
  const auto index = static_cast<size_t>(rank.value());
  return ExplainFailure(
      status, *stage, index < forecasts_.size() ? &forecasts_[index] : nullptr);
}

bool RunMemory::PinLess(Rank rank, const absl::Status& status) {
  const std::optional<PinRefusal> refusal = PinRefusalOf(status);
  const auto index = static_cast<size_t>(rank.value());
  const bool planned = index < forecasts_.size() &&
                       !run_->plan.config.pipeline.memory.has_value();
  if (!refusal.has_value() || !planned) return false;
  // What pins nothing by plan gets no further by another one.
  if (forecasts_[index].pinned_bytes == 0) return false;
  pin_limits_ = LimitsAfterRefusal(forecasts_, pin_limits_, rank.value(),
                                   *refusal, pin_refusals_++);
  run_->stages.ForgetHeld();  // it is loaded by the old plan
  refused_ = std::string(Explain(rank, status).message());
  run_->Log(LogSeverity::kWarning,
            absl::StrCat("stage ", rank.value(), ": ", refused_,
                         ". The job goes on with a plan that pins less"));
  return true;
}

}  // namespace halfpipe
