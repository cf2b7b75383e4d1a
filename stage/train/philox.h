// Counter-based random streams: Philox4x32-10 (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). A number depends only on the key
// and its index, so noise is the same for every device, split, schedule and
// restart, and nothing has to be saved in a checkpoint.
#ifndef HP_STAGE_TRAIN_PHILOX_H_
#define HP_STAGE_TRAIN_PHILOX_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What a stream of random numbers is for; part of its key.
enum class RandomPurpose : uint8_t {
  kNoise = 1,
  kTimestep = 2,
  kCaptionDropout = 3,
  kLoraInit = 4,
  kSyntheticData = 5,
  kEvaluationNoise = 6,
};

// One block of the generator: four 32-bit words from a 128-bit counter.
[[nodiscard]] std::array<uint32_t, 4> Philox4x32(
    const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key);

// The stream keyed by (seed, step, micro-batch, purpose). Sequential reads;
// not thread-safe, cheap to create.
class RandomStream {
 public:
  RandomStream(uint64_t seed, int64_t step, int32_t microbatch,
               RandomPurpose purpose);

  // The stream of a named tensor (LoRA initialisation): the step is 0 and the
  // name's hash takes the micro-batch's place.
  static RandomStream ForName(uint64_t seed, absl::string_view name,
                              RandomPurpose purpose);

  // Uniform in [0, 1), 24 bits.
  [[nodiscard]] float NextUniform();

  // Standard normals by Box-Muller over pairs of uniforms.
  void FillNormal(float* out, size_t count);
  // Uniform in [low, high).
  void FillUniform(float* out, size_t count, float low, float high);

 private:
  RandomStream(uint64_t seed, std::array<uint32_t, 3> stream);

  [[nodiscard]] uint32_t NextWord();

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;  // word 0 counts blocks
  std::array<uint32_t, 4> block_{};
  size_t used_ = 4;  // words of block_ that were handed out
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_PHILOX_H_
