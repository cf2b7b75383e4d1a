#include "common/metrics/metrics_registry.h"

#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace halfpipe {

// Throw: a name that is used with two types is a bug, found by any test.
MetricsRegistry::MetricsRegistry()
    : registry_(std::make_unique<prometheus::Registry>(
          prometheus::Registry::InsertBehavior::Throw)) {}

MetricsRegistry::~MetricsRegistry() = default;

std::string MetricsRegistry::Text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace halfpipe
