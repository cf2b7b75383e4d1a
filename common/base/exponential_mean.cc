#include "common/base/exponential_mean.h"

#include <cmath>

namespace halfpipe {

void ExponentialMean::Add(double value) {
  if (!std::isfinite(value)) return;
  ++state_.count;
  // Its part of the weights of all of them, keep^(count - 1) + ... + 1; the
  // first one's is 1, and the average its value to the bit.
  const double part =
      (1.0 - keep_) /
      (1.0 - std::pow(keep_, static_cast<double>(state_.count)));
  state_.value += (value - state_.value) * part;
}

}  // namespace halfpipe
