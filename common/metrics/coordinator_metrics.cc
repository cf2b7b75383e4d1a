#include "common/metrics/coordinator_metrics.h"

#include <array>
#include <set>
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

GaugeFamily& AddGauge(MetricsRegistry* registry, const char* name,
                      const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(
      registry->registry());
}

prometheus::Counter& AddCounter(MetricsRegistry* registry, const char* name,
                                const char* help) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Register(registry->registry())
      .Add({});
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
        eval_loss(AddGauge(registry, "halfpipe_eval_loss",
                           "Loss of held-out samples, by timestep.")),
        grad_norm(AddGauge(registry, "halfpipe_grad_norm",
                           "Gradient norm before clipping.")),
        learning_rate(
            AddGauge(registry, "halfpipe_learning_rate", "Learning rate.")),
        duration(prometheus::BuildHistogram()
                     .Name("halfpipe_step_duration_seconds")
                     .Help("Time of a whole step and of a save.")
                     .Register(registry->registry())),
        checkpoint_time(
            AddGauge(registry,
                     "halfpipe_checkpoint_last_success_timestamp_seconds",
                     "When the last checkpoint was committed, Unix time.")
                .Add({})),
        restarts(AddCounter(registry, "halfpipe_job_restarts_total",
                            "Times that a job went back to a checkpoint.")),
        nonfinite(AddCounter(registry, "halfpipe_nonfinite_steps_total",
                             "Steps whose loss or gradient was no number.")) {}

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
  GaugeFamily& eval_loss;
  GaugeFamily& grad_norm;
  GaugeFamily& learning_rate;
  prometheus::Family<prometheus::Histogram>& duration;
  prometheus::Gauge& checkpoint_time;
  prometheus::Counter& restarts;
  prometheus::Counter& nonfinite;

  absl::Mutex mutex;
  // Live series, to be removed again: a removed gauge must not be touched.
  std::map<std::string, std::vector<prometheus::Gauge*>> series
      ABSL_GUARDED_BY(mutex);
  std::map<std::string, std::set<prometheus::Gauge*>> eval_series
      ABSL_GUARDED_BY(mutex);
  std::map<std::string, prometheus::Gauge*> info_series ABSL_GUARDED_BY(mutex);
};

CoordinatorMetrics::CoordinatorMetrics(MetricsRegistry* registry)
    : families_(std::make_unique<Families>(registry)) {}

CoordinatorMetrics::~CoordinatorMetrics() = default;

void CoordinatorMetrics::SetJobs(const std::map<std::string, int64_t>& jobs,
                                 int64_t queue_depth) {
  static constexpr std::array<const char*, 9> kStates = {
      "queued", "preparing", "running",   "saving", "cancelling",
      "done",   "failed",    "cancelled", "paused"};
  for (const char* state : kStates) {
    auto found = jobs.find(state);
    families_->jobs.Add({{"state", state}})
        .Set(found == jobs.end() ? 0.0 : static_cast<double>(found->second));
  }
  families_->queue_depth.Set(static_cast<double>(queue_depth));
}

void CoordinatorMetrics::SetJobInfo(const std::string& job,
                                    const std::string& model,
                                    int64_t lora_rank) {
  absl::MutexLock lock(&families_->mutex);
  prometheus::Gauge& gauge = families_->info.Add(
      {{"job", job}, {"model", model}, {"rank", absl::StrCat(lora_rank)}});
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
  families_->duration.Add({{"phase", "step"}}, DurationBuckets())
      .Observe(sample.step_seconds);
}

void CoordinatorMetrics::OnValidation(
    const std::string& job, const std::map<int64_t, double>& loss_by_timestep) {
  absl::MutexLock lock(&families_->mutex);
  for (const auto& [timestep, loss] : loss_by_timestep) {
    prometheus::Gauge& gauge = families_->eval_loss.Add(
        {{"job", job}, {"t_band", absl::StrCat(timestep)}});
    gauge.Set(loss);
    families_->eval_series[job].insert(&gauge);
  }
}

void CoordinatorMetrics::OnCheckpoint(absl::Duration took, absl::Time time) {
  families_->duration.Add({{"phase", "save"}}, DurationBuckets())
      .Observe(absl::ToDoubleSeconds(took));
  families_->checkpoint_time.Set(UnixSeconds(time));
}

void CoordinatorMetrics::OnRestart() { families_->restarts.Increment(); }

void CoordinatorMetrics::OnNonFiniteStep() { families_->nonfinite.Increment(); }

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
  if (auto node = families_->eval_series.extract(job); !node.empty()) {
    for (prometheus::Gauge* gauge : node.mapped()) {
      families_->eval_loss.Remove(gauge);
    }
  }
  if (auto found = families_->info_series.find(job);
      found != families_->info_series.end()) {
    families_->info.Remove(found->second);
    families_->info_series.erase(found);
  }
}

}  // namespace halfpipe
