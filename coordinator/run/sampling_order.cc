#include "coordinator/run/sampling_order.h"

#include <bit>

#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kRounds = 8;
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

// SplitMix64's finaliser: a bijection with full avalanche.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

}  // namespace

int64_t Permute(uint64_t seed, int64_t epoch, int64_t length, int64_t index) {
  HP_CHECK(length > 0 && index >= 0 && index < length);
  if (length == 1) return 0;
  const uint64_t key =
      Mix(Mix(seed + kGolden) ^ (static_cast<uint64_t>(epoch) + 2 * kGolden));
  const int bits =
      static_cast<int>(std::bit_width(static_cast<uint64_t>(length - 1)));
  const int half_bits = (bits + 1) / 2;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  auto value = static_cast<uint64_t>(index);
  do {
    uint64_t left = value >> half_bits;
    uint64_t right = value & mask;
    for (int round = 0; round < kRounds; ++round) {
      uint64_t round_key = key + static_cast<uint64_t>(round) * kGolden;
      uint64_t next = left ^ (Mix(right ^ Mix(round_key)) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
  } while (value >= static_cast<uint64_t>(length));
  return static_cast<int64_t>(value);
}

int64_t SampleAt(uint64_t seed, int64_t size, int64_t position,
                 int64_t repeat) {
  HP_CHECK(size > 0 && repeat > 0 && position >= 0);
  const int64_t length = size * repeat;
  return Permute(seed, position / length, length, position % length) % size;
}

}  // namespace halfpipe
