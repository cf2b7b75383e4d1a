#include "common/metrics/token_gauge.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(TokenGaugeTest, SaysWhetherTheFileCanBeRead) {
  const std::string path = ::testing::TempDir() + "/token_gauge_test";
  std::filesystem::remove(path);
  ASSERT_TRUE(AddToken(path, {"alice", Role::kRead}).ok());
  const auto book = *TokenBook::Open(path);
  MetricsRegistry registry;
  const TokenGauge gauge(&registry, book.get());
  EXPECT_THAT(registry.Text(), HasSubstr("\nhalfpipe_tokens_readable 1\n"));
  std::filesystem::remove(path);
  EXPECT_FALSE(book->Reload().ok());
  EXPECT_THAT(registry.Text(), HasSubstr("\nhalfpipe_tokens_readable 0\n"));
}

TEST(TokenGaugeTest, WithoutTokensNothingIsWrong) {
  MetricsRegistry registry;
  const TokenGauge gauge(&registry, nullptr);
  EXPECT_THAT(registry.Text(), HasSubstr("halfpipe_tokens_readable 1"));
}

}  // namespace
}  // namespace halfpipe
