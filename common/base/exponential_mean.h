// The moving average of this project: every smoothed figure is one of these.
#ifndef HP_COMMON_BASE_EXPONENTIAL_MEAN_H_
#define HP_COMMON_BASE_EXPONENTIAL_MEAN_H_

#include <cstdint>

namespace halfpipe {

// What an average has come to. With it the average goes on to the same bits.
struct MeanState {
  double value = 0.0;  // 0 where there is none yet
  int64_t count = 0;   // of the values in it

  friend bool operator==(const MeanState&, const MeanState&) = default;
};

// Exponential average with weight `keep` on the past. It has no bias towards
// its start: the first value is the average of one, the second one that of two,
// and so on, as in Adam's moments. Not thread-safe.
class ExponentialMean {
 public:
  // 0 < keep < 1.
  explicit ExponentialMean(double keep, const MeanState& state = {})
      : keep_(keep), state_(state) {}

  // A value that is not finite is none.
  void Add(double value);

  [[nodiscard]] const MeanState& state() const { return state_; }

  void set_state(const MeanState& state) { state_ = state; }

 private:
  double keep_;
  MeanState state_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_EXPONENTIAL_MEAN_H_
