#include "coordinator/schedule/coordinator_metrics.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace halfpipe {
namespace {

using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using CounterFamily = prometheus::Family<prometheus::Counter>;
using Labels = std::map<std::string, std::string>;
// Gauges of a job's bands, to be removed with it.
using BandSeries = std::map<std::string, std::set<prometheus::Gauge*>>;

GaugeFamily& AddGauge(MetricsRegistry* registry, const char* name,
                      const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(
      registry->registry());
}

CounterFamily& AddCounter(MetricsRegistry* registry, const char* name,
                          const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(
      registry->registry());
}

// From a tiny model's step on a CPU to a long clip's on a slow card.
const std::vector<double>& DurationBuckets() {
  static const auto& buckets = *new std::vector<double>{
      0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640};
  return buckets;
}

double UnixSeconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

}  // namespace

struct CoordinatorMetrics::Families {
  explicit Families(MetricsRegistry* registry)
      : jobs(AddGauge(registry, "halfpipe_jobs", "Jobs by state.")),
        queue_depth(AddGauge(registry, "halfpipe_queue_depth",
                             "Jobs that wait for a pair of stages.")
                        .Add({})),
        info(AddGauge(registry, "halfpipe_job_info",
                      "Facts of a live job; always 1.")),
        step(AddGauge(registry, "halfpipe_job_step",
                      "Optimizer steps in the weights.")),
        steps_planned(AddGauge(registry, "halfpipe_job_steps_planned",
                               "Optimizer steps of the whole job.")),
        eta(AddGauge(registry, "halfpipe_job_eta_seconds",
                     "Predicted time to the last step.")),
        last_step(AddGauge(registry, "halfpipe_job_last_step_timestamp_seconds",
                           "When the last step ended, Unix time.")),
        loss(AddGauge(registry, "halfpipe_train_loss",
                      "Loss of the last step, mean of its micro-batches.")),
        loss_by_timestep(
            AddGauge(registry, "halfpipe_train_loss_by_timestep",
                     "Moving average of the training loss, by timestep.")),
        eval_loss(AddGauge(registry, "halfpipe_eval_loss",
                           "Loss of held-out samples, by timestep.")),
        grad_norm(AddGauge(registry, "halfpipe_grad_norm",
                           "Gradient norm before clipping.")),
        learning_rate(
            AddGauge(registry, "halfpipe_learning_rate", "Learning rate.")),
        duration(prometheus::BuildHistogram()
                     .Name("halfpipe_step_duration_seconds")
                     .Help("Time of a step, of its phases, and of a save.")
                     .Register(registry->registry())),
        busy(AddCounter(registry, "halfpipe_stage_busy_seconds_total",
                        "Compute inside actions, waits excluded.")),
        idle(AddCounter(registry, "halfpipe_stage_idle_seconds_total",
                        "Time of steps without compute, by cause.")),
        transfer_bytes(AddCounter(registry,
                                  "halfpipe_stage_transfer_bytes_total",
                                  "Payload over the link.")),
        transfer_seconds(AddCounter(registry,
                                    "halfpipe_stage_transfer_seconds_total",
                                    "Time in which payload crossed the link.")),
        save_seconds(AddGauge(registry, "halfpipe_checkpoint_save_seconds",
                              "Duration of the last save.")
                         .Add({})),
        checkpoint_time(
            AddGauge(registry,
                     "halfpipe_checkpoint_last_success_timestamp_seconds",
                     "When the last checkpoint was committed, Unix time.")
                .Add({})),
        restarts(AddCounter(registry, "halfpipe_job_restarts_total",
                            "Times that a job's pair formed again.")),
        nonfinite(AddCounter(registry, "halfpipe_nonfinite_steps_total",
                             "Steps whose loss or gradient was no number.")
                      .Add({})),
        damaged_rows(AddGauge(registry, "halfpipe_store_damaged_rows",
                              "Records of the database that cannot be read.")
                         .Add({})),
        store_copy(AddGauge(registry, "halfpipe_store_copy_timestamp_seconds",
                            "When the database was last copied, Unix time.")
                       .Add({})) {}

  static void SetBands(const std::string& job,
                       const std::map<int64_t, double>& loss_by_timestep,
                       GaugeFamily* family, BandSeries* shown);
  static void DropBands(const std::string& job, GaugeFamily* family,
                        BandSeries* shown);

  // The series of the families that have one label, the job.
  std::array<GaugeFamily*, 7> PerJob() {
    return {&step, &steps_planned, &eta,          &last_step,
            &loss, &grad_norm,     &learning_rate};
  }

  GaugeFamily& jobs;
  prometheus::Gauge& queue_depth;
  GaugeFamily& info;
  GaugeFamily& step;
  GaugeFamily& steps_planned;
  GaugeFamily& eta;
  GaugeFamily& last_step;
  GaugeFamily& loss;
  GaugeFamily& loss_by_timestep;
  GaugeFamily& eval_loss;
  GaugeFamily& grad_norm;
  GaugeFamily& learning_rate;
  prometheus::Family<prometheus::Histogram>& duration;
  CounterFamily& busy;
  CounterFamily& idle;
  CounterFamily& transfer_bytes;
  CounterFamily& transfer_seconds;
  prometheus::Gauge& save_seconds;
  prometheus::Gauge& checkpoint_time;
  CounterFamily& restarts;
  prometheus::Counter& nonfinite;
  prometheus::Gauge& damaged_rows;
  prometheus::Gauge& store_copy;

  absl::Mutex mutex;
  // Live series, to be removed again: a removed gauge must not be touched.
  std::map<std::string, std::vector<prometheus::Gauge*>> series
      ABSL_GUARDED_BY(mutex);
  BandSeries band_series ABSL_GUARDED_BY(mutex);
  BandSeries eval_series ABSL_GUARDED_BY(mutex);
  std::map<std::string, prometheus::Gauge*> info_series ABSL_GUARDED_BY(mutex);
};

CoordinatorMetrics::CoordinatorMetrics(MetricsRegistry* registry)
    : families_(std::make_unique<Families>(registry)) {}

CoordinatorMetrics::~CoordinatorMetrics() = default;

void CoordinatorMetrics::SetJobs(const std::map<std::string, int64_t>& jobs,
                                 int64_t queue_depth) {
  static constexpr std::array<const char*, 10> kStates = {
      "queued",     "preparing", "running", "saving",    "pausing",
      "cancelling", "done",      "failed",  "cancelled", "paused"};
  for (const char* state : kStates) {
    auto found = jobs.find(state);
    families_->jobs.Add({{"state", state}})
        .Set(found == jobs.end() ? 0.0 : static_cast<double>(found->second));
  }
  families_->queue_depth.Set(static_cast<double>(queue_depth));
}

void CoordinatorMetrics::SetJobInfo(const std::string& job,
                                    const std::string& model, int64_t lora_rank,
                                    const std::string& name) {
  absl::MutexLock lock(&families_->mutex);
  Labels labels = {
      {"job", job}, {"model", model}, {"rank", absl::StrCat(lora_rank)}};
  if (!name.empty()) labels["name"] = name;
  prometheus::Gauge& gauge = families_->info.Add(labels);
  gauge.Set(1.0);
  prometheus::Gauge*& known = families_->info_series[job];
  if (known != nullptr && known != &gauge) families_->info.Remove(known);
  known = &gauge;
}

void CoordinatorMetrics::OnStep(const std::string& job,
                                const JobStepSample& sample) {
  const std::array<double, 7> values = {
      static_cast<double>(sample.steps_done),
      static_cast<double>(sample.steps_planned),
      sample.eta_seconds,
      UnixSeconds(sample.time),
      sample.loss,
      sample.grad_norm,
      sample.learning_rate};
  absl::MutexLock lock(&families_->mutex);
  std::vector<prometheus::Gauge*>& series = families_->series[job];
  const auto per_job = families_->PerJob();
  for (size_t i = 0; i < per_job.size(); ++i) {
    if (series.size() <= i) series.push_back(&per_job[i]->Add({{"job", job}}));
    series[i]->Set(values[i]);
  }
  if (sample.is_first) return;
  families_->duration.Add({{"phase", "step"}}, DurationBuckets())
      .Observe(sample.step_seconds);
}

void CoordinatorMetrics::OnStageTimes(const std::string& pair,
                                      const std::vector<StageTimes>& stages) {
  for (size_t rank = 0; rank < stages.size(); ++rank) {
    const StageTimes& times = stages[rank];
    const std::string stage = absl::StrCat(rank);
    const Labels labels = {{"pair", pair}, {"stage", stage}};
    const auto add = [&labels](CounterFamily& family, const char* label,
                               const char* value, double amount) {
      Labels all = labels;
      all[label] = value;
      family.Add(all).Increment(std::max(0.0, amount));
    };
    families_->busy.Add(labels).Increment(std::max(0.0, times.busy));
    add(families_->idle, "cause", "bubble", times.bubble);
    add(families_->idle, "cause", "recv", times.recv);
    add(families_->idle, "cause", "data", times.data);
    add(families_->transfer_bytes, "direction", "sent",
        static_cast<double>(times.bytes_sent));
    add(families_->transfer_bytes, "direction", "received",
        static_cast<double>(times.bytes_received));
    add(families_->transfer_seconds, "direction", "sent", times.send);
    add(families_->transfer_seconds, "direction", "received", times.receive);
    const std::pair<const char*, double> phases[] = {
        {"data", times.data},
        {"forward", times.forward},
        {"backward", times.backward},
        {"optimizer", times.optimizer}};
    for (const auto& [phase, seconds] : phases) {
      families_->duration
          .Add({{"stage", stage}, {"phase", phase}}, DurationBuckets())
          .Observe(seconds);
    }
  }
}

void CoordinatorMetrics::Families::SetBands(
    const std::string& job, const std::map<int64_t, double>& loss_by_timestep,
    GaugeFamily* family, BandSeries* shown) {
  for (const auto& [timestep, value] : loss_by_timestep) {
    prometheus::Gauge& gauge =
        family->Add({{"job", job}, {"t_band", absl::StrCat(timestep)}});
    gauge.Set(value);
    (*shown)[job].insert(&gauge);
  }
}

void CoordinatorMetrics::Families::DropBands(const std::string& job,
                                             GaugeFamily* family,
                                             BandSeries* shown) {
  auto node = shown->extract(job);
  if (node.empty()) return;
  for (prometheus::Gauge* gauge : node.mapped()) family->Remove(gauge);
}

void CoordinatorMetrics::SetLossByTimestep(
    const std::string& job, const std::map<int64_t, double>& loss_by_timestep) {
  absl::MutexLock lock(&families_->mutex);
  Families::SetBands(job, loss_by_timestep, &families_->loss_by_timestep,
                     &families_->band_series);
}

void CoordinatorMetrics::OnValidation(
    const std::string& job, const std::map<int64_t, double>& loss_by_timestep) {
  absl::MutexLock lock(&families_->mutex);
  Families::SetBands(job, loss_by_timestep, &families_->eval_loss,
                     &families_->eval_series);
}

void CoordinatorMetrics::OnCheckpoint(absl::Duration took, absl::Time time) {
  families_->duration.Add({{"phase", "save"}}, DurationBuckets())
      .Observe(absl::ToDoubleSeconds(took));
  families_->save_seconds.Set(absl::ToDoubleSeconds(took));
  families_->checkpoint_time.Set(UnixSeconds(time));
}

void CoordinatorMetrics::OnRestart(const std::string& reason) {
  families_->restarts.Add({{"reason", reason}}).Increment();
}

void CoordinatorMetrics::OnNonFiniteStep() { families_->nonfinite.Increment(); }

void CoordinatorMetrics::SetDamagedRows(int64_t rows) {
  families_->damaged_rows.Set(static_cast<double>(rows));
}

void CoordinatorMetrics::OnStoreCopy(absl::Time time) {
  families_->store_copy.Set(UnixSeconds(time));
}

void CoordinatorMetrics::DropJob(const std::string& job) {
  absl::MutexLock lock(&families_->mutex);
  if (auto found = families_->series.find(job);
      found != families_->series.end()) {
    const auto per_job = families_->PerJob();
    for (size_t i = 0; i < found->second.size(); ++i) {
      per_job[i]->Remove(found->second[i]);
    }
    families_->series.erase(found);
  }
  Families::DropBands(job, &families_->loss_by_timestep,
                      &families_->band_series);
  Families::DropBands(job, &families_->eval_loss, &families_->eval_series);
  if (auto found = families_->info_series.find(job);
      found != families_->info_series.end()) {
    families_->info.Remove(found->second);
    families_->info_series.erase(found);
  }
}

}  // namespace halfpipe
