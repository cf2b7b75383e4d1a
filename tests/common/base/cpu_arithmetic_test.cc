#include "common/base/cpu_arithmetic.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(CpuArithmeticTest, NamesMklsModesAsItsVariableDoes) {
  EXPECT_EQ(MklModeName(1), "off");
  EXPECT_EQ(MklModeName(2), "AUTO");
  EXPECT_EQ(MklModeName(3), "COMPATIBLE");
  EXPECT_EQ(MklModeName(10), "AVX2");
  EXPECT_EQ(MklModeName(12 | 0x10000), "AVX512,STRICT");
  EXPECT_EQ(MklModeName(14), "AVX512_E1");
  EXPECT_EQ(MklModeName(0), "unknown (0)");
  EXPECT_EQ(MklModeName(15), "unknown (15)");
  EXPECT_EQ(MklModeName(-8), "unknown (-8)");
}

// This program has no MKL: nothing is broken by asking for its mode.
TEST(CpuArithmeticTest, AProcessWithoutMklIsNoneTheWorse) {
  unsetenv("MKL_CBWR");
  EXPECT_EQ(MklMode(), "absent");
  EXPECT_TRUE(UseReproducibleProducts().ok());
  // A MKL that exports no call would read it there.
  EXPECT_NE(std::getenv("MKL_CBWR"), nullptr);
  EXPECT_EQ(MklMode(), std::getenv("MKL_CBWR"));
  unsetenv("MKL_CBWR");
}

TEST(CpuArithmeticTest, TheUsersModeStandsAndIsSaid) {
  setenv("MKL_CBWR", "SSE4_2", 1);
  EXPECT_TRUE(UseReproducibleProducts().ok());
  EXPECT_STREQ(std::getenv("MKL_CBWR"), "SSE4_2");
  setenv("ATEN_CPU_CAPABILITY", "avx2", 1);
  EXPECT_EQ(ArithmeticSettings(), "MKL_CBWR=SSE4_2 ATEN_CPU_CAPABILITY=avx2");
  unsetenv("MKL_CBWR");
  unsetenv("ATEN_CPU_CAPABILITY");
  EXPECT_EQ(ArithmeticSettings(), "");
}

}  // namespace
}  // namespace halfpipe
