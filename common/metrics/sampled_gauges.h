// Gauges of things that are asked for from time to time: sensors, disks.
#ifndef HP_COMMON_METRICS_SAMPLED_GAUGES_H_
#define HP_COMMON_METRICS_SAMPLED_GAUGES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/metrics/metrics_registry.h"

namespace halfpipe {

struct GaugeReading {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0.0;
};

// Asks on a thread of its own, so that neither a scrape nor the work waits for
// a driver or a network disk that hangs. Series are what the last answer had;
// when that one is older than three intervals, there are none: better no value
// than an old one.
class SampledGauges {
 public:
  // Called on the thread, once at once and then every `interval`.
  using Sample = std::function<std::vector<GaugeReading>()>;

  // `help` by metric name: readings of other names are not shown. `registry`
  // outlives it.
  SampledGauges(MetricsRegistry* registry,
                std::map<std::string, std::string> help, Sample sample,
                absl::Duration interval = absl::Seconds(10));
  // Waits for a sample that is being taken, two seconds at most: one that hangs
  // for longer is left to itself, so what `sample` holds must not be used after
  // such a wait (see disk_space.h) or live as long as the process.
  ~SampledGauges();

  SampledGauges(const SampledGauges&) = delete;
  SampledGauges& operator=(const SampledGauges&) = delete;

 private:
  struct State;

  MetricsRegistry* const registry_;
  const std::shared_ptr<State> state_;
  int collector_ = 0;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_SAMPLED_GAUGES_H_
