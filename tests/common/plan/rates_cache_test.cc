#include "common/plan/rates_cache.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

const RatesKey kKey = {.gpu_uuid = "GPU-0123abcd-4567", .driver = "580.82.07"};

class RatesCacheTest : public testing::Test {
 protected:
  RatesCacheTest() {
    std::filesystem::remove_all(folder_);
    rates_.free_bytes = 123;
  }

  ~RatesCacheTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string Path() const {
    return folder_ + "/rates-GPU-0123abcd-4567.json";
  }

  // Changes what is kept, and says what Find then answers.
  absl::Status Edit(const std::string& from, const std::string& to) {
    EXPECT_TRUE(cache_.Keep(kKey, rates_).ok());
    const std::string text = *ReadFile(Path());
    const std::string edited = absl::StrReplaceAll(text, {{from, to}});
    EXPECT_NE(edited, text) << from;
    EXPECT_TRUE(WriteFileAtomically(Path(), edited).ok());
    return cache_.Find(kKey).status();
  }

  const std::string folder_ =
      absl::StrCat(testing::TempDir(), "/rates-cache-", getpid(), "/below");
  const RatesCache cache_{folder_};
  DeviceRates rates_ = MeasuredH200();
};

TEST_F(RatesCacheTest, GivesBackWhatWasKept) {
  EXPECT_TRUE(absl::IsNotFound(cache_.Find(kKey).status()));
  ASSERT_TRUE(cache_.Keep(kKey, rates_).ok());
  auto found = RatesCache(folder_).Find(kKey);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, rates_);
  rates_.matmul_flops_per_second = 1e14;
  ASSERT_TRUE(cache_.Keep(kKey, rates_).ok());
  EXPECT_EQ(*cache_.Find(kKey), rates_);
}

TEST_F(RatesCacheTest, AnotherGpuDriverOrFormatIsNotFound) {
  ASSERT_TRUE(cache_.Keep(kKey, rates_).ok());
  EXPECT_TRUE(absl::IsNotFound(
      cache_.Find({.gpu_uuid = "GPU-9", .driver = kKey.driver}).status()));
  EXPECT_TRUE(absl::IsNotFound(
      cache_.Find({.gpu_uuid = kKey.gpu_uuid, .driver = "581"}).status()));
  EXPECT_TRUE(absl::IsNotFound(Edit("\"format\": 1", "\"format\": 2")));
}

TEST_F(RatesCacheTest, ADamagedFileIsAnErrorThatNamesIt) {
  const std::pair<std::string, std::string> damages[] = {
      {"\"format\"", "\"form\""},
      {"GPU-0123abcd-4567", "GPU-1"},
      {"\"rates\"", "\"rate\""},
      {"matmul_flops_per_second", "matmul"},
      {"{", "["}};
  for (const auto& [from, to] : damages) {
    const absl::Status status = Edit(from, to);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << from << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(Path()));
  }
  ASSERT_TRUE(WriteFileAtomically(Path(), "").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(cache_.Find(kKey).status()));
  // Keeping again mends it.
  ASSERT_TRUE(cache_.Keep(kKey, rates_).ok());
  EXPECT_TRUE(cache_.Find(kKey).ok());
}

TEST_F(RatesCacheTest, RefusesAUuidThatIsAPath) {
  const RatesKey key = {.gpu_uuid = "../x", .driver = "1"};
  EXPECT_TRUE(absl::IsInvalidArgument(cache_.Keep(key, rates_)));
  EXPECT_TRUE(absl::IsInvalidArgument(cache_.Find(key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(cache_.Find({}).status()));
}

TEST_F(RatesCacheTest, AFolderThatCannotBeMadeIsAnError) {
  const RatesCache nowhere("/proc/no/folder");
  EXPECT_FALSE(nowhere.Keep(kKey, rates_).ok());
  EXPECT_TRUE(absl::IsNotFound(nowhere.Find(kKey).status()));
}

TEST(DefaultCacheFolderTest, TakesTheFirstAbsolutePath) {
  setenv("HOME", "/home/a", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HALFPIPE_CACHE_DIR");
  EXPECT_EQ(DefaultCacheFolder(), "/home/a/.cache/halfpipe");
  setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(DefaultCacheFolder(), "/cache/halfpipe");
  setenv("HALFPIPE_CACHE_DIR", "relative", 1);
  EXPECT_EQ(DefaultCacheFolder(), "/cache/halfpipe");
  setenv("HALFPIPE_CACHE_DIR", "/mine", 1);
  EXPECT_EQ(DefaultCacheFolder(), "/mine");
  for (const char* name : {"HALFPIPE_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}) {
    unsetenv(name);
  }
  EXPECT_EQ(DefaultCacheFolder(), "");
}

}  // namespace
}  // namespace halfpipe
