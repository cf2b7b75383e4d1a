#include "stage/train/philox.h"

#include <cmath>

namespace halfpipe {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;
constexpr float kTwoPi = 6.28318530717958647692F;
constexpr float kUnit = 1.0F / 16777216.0F;  // 2^-24

float ToUniform(uint32_t word) { return static_cast<float>(word >> 8) * kUnit; }

// FNV-1a, 64 bits: stable across platforms, unlike absl::Hash.
uint64_t HashName(absl::string_view name) {
  uint64_t hash = 14695981039346656037ULL;
  for (char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash;
}

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }

uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox4x32(const std::array<uint32_t, 4>& counter,
                                   const std::array<uint32_t, 2>& key) {
  std::array<uint32_t, 4> c = counter;
  std::array<uint32_t, 2> k = key;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * c[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * c[2];
    c = {High(product1) ^ c[1] ^ k[0], Low(product1),
         High(product0) ^ c[3] ^ k[1], Low(product0)};
    k[0] += kWeyl0;
    k[1] += kWeyl1;
  }
  return c;
}

RandomStream::RandomStream(uint64_t seed, std::array<uint32_t, 3> stream)
    : key_{Low(seed), High(seed)},
      counter_{0, stream[0], stream[1], stream[2]} {}

RandomStream::RandomStream(uint64_t seed, int64_t step, int32_t microbatch,
                           RandomPurpose purpose)
    : RandomStream(seed, {Low(static_cast<uint64_t>(step)),
                          static_cast<uint32_t>(microbatch),
                          (High(static_cast<uint64_t>(step)) << 8) |
                              static_cast<uint32_t>(purpose)}) {}

RandomStream RandomStream::ForName(uint64_t seed, absl::string_view name,
                                   RandomPurpose purpose) {
  const uint64_t hash = HashName(name);
  return RandomStream(seed,
                      {Low(hash), High(hash), static_cast<uint32_t>(purpose)});
}

uint32_t RandomStream::NextWord() {
  if (used_ == block_.size()) {
    block_ = Philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

float RandomStream::NextUniform() { return ToUniform(NextWord()); }

void RandomStream::FillNormal(float* out, size_t count) {
  for (size_t i = 0; i < count; i += 2) {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    const float radius = std::sqrt(-2.0F * std::log(1.0F - NextUniform()));
    const float angle = kTwoPi * NextUniform();
    out[i] = radius * std::cos(angle);
    if (i + 1 < count) out[i + 1] = radius * std::sin(angle);
  }
}

void RandomStream::FillUniform(float* out, size_t count, float low,
                               float high) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = low + (high - low) * NextUniform();
  }
}

}  // namespace halfpipe
