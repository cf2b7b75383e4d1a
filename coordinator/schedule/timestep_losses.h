// The training loss by timestep: a mean over all of them hides which part of
// the noise a job still learns from.
#ifndef HP_COORDINATOR_SCHEDULE_TIMESTEP_LOSSES_H_
#define HP_COORDINATOR_SCHEDULE_TIMESTEP_LOSSES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "common/base/exponential_mean.h"
#include "common/config/job_config.h"

namespace halfpipe {

// Averages of the micro-batches' losses in each band: equal parts of the
// trained timesteps (equally probable ones), as a validation's are. Not
// thread-safe.
class TimestepLosses {
 public:
  TimestepLosses(const TimestepConfig& timesteps, int64_t bands);

  // One step's micro-batches. A loss that is not finite is left out.
  void Add(const std::vector<double>& timesteps,
           const std::vector<double>& losses);

  // By the timestep in the middle of each band that had a micro-batch: an
  // exponential average with weight 0.95 on the past, without the bias towards
  // its start.
  [[nodiscard]] std::map<int64_t, double> Averages() const;

 private:
  static constexpr double kKeep = 0.95;

  struct Band {
    double from = 0.0;  // the largest timestep of it
    int64_t middle = 0;
    ExponentialMean mean{kKeep};
  };

  std::vector<Band> bands_;  // from much noise to little
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_TIMESTEP_LOSSES_H_
