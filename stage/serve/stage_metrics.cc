#include "stage/serve/stage_metrics.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace halfpipe {
namespace {

using Labels = std::map<std::string, std::string>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using CounterFamily = prometheus::Family<prometheus::Counter>;

GaugeFamily& Gauges(MetricsRegistry* registry, const char* name,
                    const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(
      registry->registry());
}

CounterFamily& Counters(MetricsRegistry* registry, const char* name,
                        const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(
      registry->registry());
}

Labels With(Labels labels, const std::string& key, const std::string& value) {
  labels[key] = value;
  return labels;
}

}  // namespace

struct StageMetrics::Series {
  Series(const Labels& stage_labels, const std::string& uuid,
         MetricsRegistry* registry)
      : stage(stage_labels),
        gpu(uuid.empty() ? Labels() : With(stage, "gpu_uuid", uuid)),
        steps(Counters(registry, "halfpipe_stage_steps_total",
                       "Optimizer steps of this process.")
                  .Add(stage)),
        memory(Gauges(registry, "halfpipe_gpu_memory_bytes",
                      "Device memory by use, at its fullest.")),
        pinned(Gauges(registry, "halfpipe_host_memory_bytes",
                      "Host memory of this process.")
                   .Add(With(stage, "kind", "pinned"))),
        load_seconds(Gauges(registry, "halfpipe_model_load_seconds",
                            "Duration of the last load of a part.")),
        load_bytes(Counters(registry, "halfpipe_model_load_bytes_total",
                            "Bytes of weights that were read.")),
        hits(Counters(registry, "halfpipe_cache_hits_total",
                      "What was found where it had been kept.")),
        misses(Counters(registry, "halfpipe_cache_misses_total",
                        "What had to be made or read.")),
        rejected(Counters(registry, "halfpipe_dataset_rejected_total",
                          "Samples that cannot be used.")),
        layers(Gauges(registry, "halfpipe_stage_layers",
                      "Transformer blocks of this stage.")
                   .Add(stage)) {
    for (const char* kind : {"latents", "context", "weights"}) {
      hits.Add(With(stage, "kind", kind));
      misses.Add(With(stage, "kind", kind));
    }
    for (const char* reason : {"unreadable", "too_short", "timeout"}) {
      rejected.Add(With(stage, "reason", reason));
    }
  }

  const Labels stage;
  const Labels gpu;  // empty: there is none
  prometheus::Counter& steps;
  GaugeFamily& memory;
  prometheus::Gauge& pinned;
  GaugeFamily& load_seconds;
  CounterFamily& load_bytes;
  CounterFamily& hits;
  CounterFamily& misses;
  CounterFamily& rejected;
  prometheus::Gauge& layers;
};

StageMetrics::StageMetrics(int32_t rank, const std::string& gpu_uuid,
                           MetricsRegistry* registry)
    : series_(std::make_unique<Series>(Labels{{"stage", absl::StrCat(rank)}},
                                       gpu_uuid, registry)) {}

StageMetrics::~StageMetrics() = default;

void StageMetrics::OnStep(int64_t pinned_host_bytes) {
  series_->steps.Increment();
  series_->pinned.Set(static_cast<double>(pinned_host_bytes));
}

void StageMetrics::SetGpuMemory(const GpuMemorySample& memory) {
  if (series_->gpu.empty()) return;
  const std::pair<const char*, int64_t> kinds[] = {
      {"weights", memory.weights},     {"lora", memory.lora},
      {"optimizer", memory.optimizer}, {"activations", memory.activations},
      {"workspace", memory.workspace}, {"free", memory.free}};
  for (const auto& [kind, bytes] : kinds) {
    series_->memory.Add(With(series_->gpu, "kind", kind))
        .Set(static_cast<double>(bytes));
  }
}

void StageMetrics::OnModelLoaded(const std::string& part, double seconds,
                                 int64_t bytes) {
  const Labels labels = With(series_->stage, "part", part);
  series_->load_seconds.Add(labels).Set(seconds);
  series_->load_bytes.Add(labels).Increment(static_cast<double>(bytes));
}

void StageMetrics::OnCacheUse(const std::string& kind, int64_t hits,
                              int64_t misses) {
  const Labels labels = With(series_->stage, "kind", kind);
  series_->hits.Add(labels).Increment(static_cast<double>(hits));
  series_->misses.Add(labels).Increment(static_cast<double>(misses));
}

void StageMetrics::OnRejected(const std::string& reason, int64_t samples) {
  series_->rejected.Add(With(series_->stage, "reason", reason))
      .Increment(static_cast<double>(samples));
}

void StageMetrics::SetLayers(int64_t layers) {
  series_->layers.Set(static_cast<double>(layers));
}

}  // namespace halfpipe
