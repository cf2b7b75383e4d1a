// Which sample comes when: a pure function, so that a checkpoint needs only
// the position (samples drawn so far) to go on exactly.
#ifndef HP_COORDINATOR_RUN_SAMPLING_ORDER_H_
#define HP_COORDINATOR_RUN_SAMPLING_ORDER_H_

#include <cstdint>

namespace halfpipe {

// Positions 0 .. size*repeat - 1 are epoch 0, and so on; an epoch holds every
// sample `repeat` times, shuffled by a permutation keyed by (seed, epoch).
//
// The permutation is a balanced Feistel network of eight rounds over the next
// power of four, with the SplitMix64 finaliser (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", OOPSLA 2014) as round function,
// walked until it falls inside the epoch: constant memory, and no draw costs
// more than a few walks for any size.
//
// Returns an index in [0, size). REQUIRES: size > 0, repeat > 0, position >= 0.
[[nodiscard]] int64_t SampleAt(uint64_t seed, int64_t size, int64_t position,
                               int64_t repeat = 1);

// The place of `index` in the permutation of [0, length) keyed by
// (seed, epoch). REQUIRES: 0 <= index < length.
[[nodiscard]] int64_t Permute(uint64_t seed, int64_t epoch, int64_t length,
                              int64_t index);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_SAMPLING_ORDER_H_
