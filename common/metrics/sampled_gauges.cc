#include "common/metrics/sampled_gauges.h"

#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/steady_clock.h"
#include "prometheus/metric_family.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(2);
constexpr int kIntervalsUntilOld = 3;

}  // namespace

// The thread's, too: it may outlive the gauges.
struct SampledGauges::State {
  std::map<std::string, std::string> help;
  Sample sample;
  absl::Duration interval;

  absl::Mutex mutex;
  std::vector<GaugeReading> readings ABSL_GUARDED_BY(mutex);
  absl::Time taken ABSL_GUARDED_BY(mutex) = absl::InfinitePast();
  bool stop ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;

  void Run() {
    absl::MutexLock lock(&mutex);
    while (!stop) {
      mutex.Unlock();
      std::vector<GaugeReading> now = sample();
      mutex.Lock();
      readings = std::move(now);
      taken = SteadyNow();
      mutex.AwaitWithTimeout(absl::Condition(&stop), interval);
    }
    ended = true;
  }

  std::vector<prometheus::MetricFamily> Collect() {
    std::vector<prometheus::MetricFamily> families;
    absl::MutexLock lock(&mutex);
    if (SteadyNow() - taken > kIntervalsUntilOld * interval) return families;
    for (const auto& [name, text] : help) {
      prometheus::MetricFamily family{
          name, text, prometheus::MetricType::Gauge, {}};
      for (const GaugeReading& reading : readings) {
        if (reading.name != name) continue;
        prometheus::ClientMetric metric;
        for (const auto& [label, value] : reading.labels) {
          metric.label.push_back({label, value});
        }
        metric.gauge.value = reading.value;
        family.metric.push_back(std::move(metric));
      }
      if (!family.metric.empty()) families.push_back(std::move(family));
    }
    return families;
  }
};

SampledGauges::SampledGauges(MetricsRegistry* registry,
                             std::map<std::string, std::string> help,
                             Sample sample, absl::Duration interval)
    : registry_(registry), state_(std::make_shared<State>()) {
  state_->help = std::move(help);
  state_->sample = std::move(sample);
  state_->interval = interval;
  collector_ =
      registry_->AddCollector([state = state_] { return state->Collect(); });
  std::thread([state = state_] { state->Run(); }).detach();
}

SampledGauges::~SampledGauges() {
  registry_->RemoveCollector(collector_);
  absl::MutexLock lock(&state_->mutex);
  state_->stop = true;
  state_->mutex.AwaitWithTimeout(absl::Condition(&state_->ended), kPatience);
}

}  // namespace halfpipe
