#include "stage/train/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace halfpipe {
namespace {

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(PhiloxTest, MatchesThePublishedVectors) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
                                     0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                       {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6,
                                     0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420,
                                     0x24126ea1}));
}

std::vector<float> Normals(uint64_t seed, int64_t step, int32_t microbatch,
                           RandomPurpose purpose, size_t count) {
  std::vector<float> out(count);
  RandomStream(seed, step, microbatch, purpose).FillNormal(out.data(), count);
  return out;
}

TEST(RandomStreamTest, EveryPartOfTheKeyMatters) {
  const auto base = Normals(7, 3, 1, RandomPurpose::kNoise, 16);
  EXPECT_EQ(base, Normals(7, 3, 1, RandomPurpose::kNoise, 16));
  EXPECT_NE(base, Normals(8, 3, 1, RandomPurpose::kNoise, 16));
  EXPECT_NE(base,
            Normals(7 + (uint64_t{1} << 32), 3, 1, RandomPurpose::kNoise, 16));
  EXPECT_NE(base, Normals(7, 4, 1, RandomPurpose::kNoise, 16));
  EXPECT_NE(base, Normals(7, 3, 2, RandomPurpose::kNoise, 16));
  EXPECT_NE(base, Normals(7, 3, 1, RandomPurpose::kTimestep, 16));
}

TEST(RandomStreamTest, NormalsHaveMeanZeroAndVarianceOne) {
  const auto values = Normals(1, 0, 0, RandomPurpose::kNoise, 200001);
  double sum = 0.0;
  double squares = 0.0;
  for (float value : values) {
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0.0, 0.01);
  EXPECT_NEAR(squares / n, 1.0, 0.02);
}

TEST(RandomStreamTest, UniformsStayInTheirRange) {
  std::vector<float> values(10000);
  RandomStream::ForName(5, "blocks.0.self_attn.q", RandomPurpose::kLoraInit)
      .FillUniform(values.data(), values.size(), -0.25F, 0.25F);
  double sum = 0.0;
  for (float value : values) {
    ASSERT_GE(value, -0.25F);
    ASSERT_LT(value, 0.25F);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000.0, 0.0, 0.01);
}

}  // namespace
}  // namespace halfpipe
