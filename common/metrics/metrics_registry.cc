#include "common/metrics/metrics_registry.h"

#include <utility>

#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace halfpipe {

// Throw: a name that is used with two types is a bug, found by any test.
MetricsRegistry::MetricsRegistry()
    : registry_(std::make_unique<prometheus::Registry>(
          prometheus::Registry::InsertBehavior::Throw)) {}

MetricsRegistry::~MetricsRegistry() = default;

std::string MetricsRegistry::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [handle, collector] : collectors_) {
      for (prometheus::MetricFamily& family : collector()) {
        families.push_back(std::move(family));
      }
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

int MetricsRegistry::AddCollector(Collector collector) {
  absl::MutexLock lock(&mutex_);
  collectors_[++last_handle_] = std::move(collector);
  return last_handle_;
}

void MetricsRegistry::RemoveCollector(int handle) {
  absl::MutexLock lock(&mutex_);
  collectors_.erase(handle);
}

}  // namespace halfpipe
