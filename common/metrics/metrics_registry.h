// The metrics of one process: what its sets fill and its server serves.
#ifndef HP_COMMON_METRICS_METRICS_REGISTRY_H_
#define HP_COMMON_METRICS_METRICS_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace prometheus {
struct MetricFamily;
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

  // Families that are made when somebody asks. Called from the server's
  // threads, one at a time; must not wait for anything slow. Returns a handle.
  using Collector = std::function<std::vector<prometheus::MetricFamily>()>;
  int AddCollector(Collector collector);
  // It is not running any more when this returns.
  void RemoveCollector(int handle);

  // For the metric sets of this folder.
  [[nodiscard]] prometheus::Registry& registry() { return *registry_; }

 private:
  std::unique_ptr<prometheus::Registry> registry_;
  mutable absl::Mutex mutex_;
  std::map<int, Collector> collectors_ ABSL_GUARDED_BY(mutex_);
  int last_handle_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_METRICS_REGISTRY_H_
