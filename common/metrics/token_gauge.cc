#include "common/metrics/token_gauge.h"

#include <utility>
#include <vector>

#include "prometheus/metric_family.h"

namespace halfpipe {
namespace {

std::vector<prometheus::MetricFamily> Collect(TokenBook* tokens) {
  prometheus::ClientMetric metric;
  metric.gauge.value = tokens == nullptr || tokens->Problem().empty() ? 1 : 0;
  prometheus::MetricFamily family{
      "halfpipe_tokens_readable",
      "Whether the tokens in force are those of the file.",
      prometheus::MetricType::Gauge,
      {}};
  family.metric.push_back(std::move(metric));
  return {std::move(family)};
}

}  // namespace

TokenGauge::TokenGauge(MetricsRegistry* registry, TokenBook* tokens)
    : registry_(registry),
      collector_(registry->AddCollector([tokens] { return Collect(tokens); })) {
}

TokenGauge::~TokenGauge() { registry_->RemoveCollector(collector_); }

}  // namespace halfpipe
