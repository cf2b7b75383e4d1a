#include "common/metrics/stage_metrics.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace halfpipe {
namespace {

using Labels = std::map<std::string, std::string>;

prometheus::Family<prometheus::Gauge>& Gauges(MetricsRegistry* registry,
                                              const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(
      registry->registry());
}

prometheus::Counter& Counter(MetricsRegistry* registry, const char* name,
                             const char* help, const Labels& labels) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Register(registry->registry())
      .Add(labels);
}

Labels With(Labels labels, const std::string& key, const std::string& value) {
  labels[key] = value;
  return labels;
}

}  // namespace

struct StageMetrics::Series {
  Series(const Labels& stage, const Labels& gpu, MetricsRegistry* registry)
      : busy(Counter(registry, "halfpipe_stage_busy_seconds_total",
                     "Compute inside actions, waits excluded.", stage)),
        idle(Counter(registry, "halfpipe_stage_idle_seconds_total",
                     "Time of steps in which the stage did not compute.",
                     stage)),
        sent(Counter(registry, "halfpipe_stage_transfer_bytes_total",
                     "Payload over the link.",
                     With(stage, "direction", "sent"))),
        steps(Counter(registry, "halfpipe_stage_steps_total",
                      "Optimizer steps.", stage)),
        memory(Gauges(registry, "halfpipe_gpu_memory_bytes",
                      "Device memory of this process.")),
        in_use(memory.Add(With(gpu, "kind", "in_use"))),
        peak(memory.Add(With(gpu, "kind", "peak"))),
        total(memory.Add(With(gpu, "kind", "total"))),
        pinned(Gauges(registry, "halfpipe_host_memory_bytes",
                      "Host memory of this process.")
                   .Add(With(stage, "kind", "pinned"))),
        load_seconds(Gauges(registry, "halfpipe_model_load_seconds",
                            "Duration of the last model load.")
                         .Add(stage)),
        layers(Gauges(registry, "halfpipe_stage_layers",
                      "Transformer blocks of this stage.")
                   .Add(stage)) {}

  prometheus::Counter& busy;
  prometheus::Counter& idle;
  prometheus::Counter& sent;
  prometheus::Counter& steps;
  prometheus::Family<prometheus::Gauge>& memory;
  prometheus::Gauge& in_use;
  prometheus::Gauge& peak;
  prometheus::Gauge& total;
  prometheus::Gauge& pinned;
  prometheus::Gauge& load_seconds;
  prometheus::Gauge& layers;
};

StageMetrics::StageMetrics(int32_t rank, const std::string& gpu_uuid,
                           MetricsRegistry* registry) {
  const Labels stage = {{"stage", absl::StrCat(rank)}};
  series_ = std::make_unique<Series>(stage, With(stage, "gpu_uuid", gpu_uuid),
                                     registry);
}

StageMetrics::~StageMetrics() = default;

void StageMetrics::OnStep(const StageStepSample& sample) {
  series_->busy.Increment(std::max(0.0, sample.busy_seconds));
  series_->idle.Increment(
      std::max(0.0, sample.step_seconds - sample.busy_seconds));
  series_->sent.Increment(static_cast<double>(sample.link_bytes_sent));
  series_->steps.Increment();
  series_->in_use.Set(static_cast<double>(sample.device_bytes_in_use));
  series_->peak.Set(static_cast<double>(sample.device_peak_bytes));
  series_->pinned.Set(static_cast<double>(sample.pinned_host_bytes));
}

void StageMetrics::SetMemory(int64_t in_use_bytes, int64_t total_bytes) {
  series_->in_use.Set(static_cast<double>(in_use_bytes));
  series_->total.Set(static_cast<double>(total_bytes));
}

void StageMetrics::OnModelLoaded(double seconds) {
  series_->load_seconds.Set(seconds);
}

void StageMetrics::SetLayers(int64_t layers) {
  series_->layers.Set(static_cast<double>(layers));
}

}  // namespace halfpipe
