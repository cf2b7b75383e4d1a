// The metrics of one process: what its sets fill and its server serves.
#ifndef HP_COMMON_METRICS_METRICS_REGISTRY_H_
#define HP_COMMON_METRICS_METRICS_REGISTRY_H_

#include <memory>
#include <string>

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace halfpipe {

// Made in main() and given to those that need it. Thread-safe.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Everything in Prometheus' text format 0.0.4.
  [[nodiscard]] std::string Text() const;

  // For the metric sets of this folder.
  [[nodiscard]] prometheus::Registry& registry() { return *registry_; }

 private:
  std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_METRICS_REGISTRY_H_
