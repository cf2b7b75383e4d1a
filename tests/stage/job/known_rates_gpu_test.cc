#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/file.h"
#include "stage/job/known_rates.h"
#include "stage/kernels/cuda_runtime.h"

namespace halfpipe {
namespace {

// The rates alone: sizes are of the moment.
DeviceRates WithoutSizes(DeviceRates rates) {
  rates.free_bytes = rates.fixed_bytes = 0;
  return rates;
}

TEST(KnownRatesTest, TheSecondStartTakesWhatTheFirstMeasured) {
  if (const absl::Status gpu = EnsureCudaLoaded(); !gpu.ok()) {
    GTEST_SKIP() << gpu;
  }
  const at::Device device(at::kCUDA, 0);
  const std::string folder =
      absl::StrCat(testing::TempDir(), "/known-rates-", getpid());
  KnownRatesOptions options = {.cache_folder = folder};
  const auto first = KnownRates(device, options);
  ASSERT_TRUE(first.ok()) << first.status();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the card is in use";

  const absl::Time begin = absl::Now();
  const auto second = KnownRates(device, options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
  EXPECT_EQ(WithoutSizes(*second), WithoutSizes(*first));
  EXPECT_GT(second->free_bytes, 0);
  EXPECT_GT(second->fixed_bytes, 0);

  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    ASSERT_TRUE(WriteFileAtomically(file.path().string(), "damaged").ok());
  }
  const auto third = KnownRates(device, options);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_NE(WithoutSizes(*third), WithoutSizes(*first));
  options.measure_again = true;
  const auto fourth = KnownRates(device, options);
  ASSERT_TRUE(fourth.ok()) << fourth.status();
  EXPECT_NE(WithoutSizes(*fourth), WithoutSizes(*third));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace halfpipe
