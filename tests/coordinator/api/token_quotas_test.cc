#include "coordinator/api/token_quotas.h"

#include <set>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class TokenQuotasTest : public ::testing::Test {
 protected:
  TokenQuotasTest() {
    limits_.watches_per_token = 2;
    limits_.queued_jobs_per_token = 2;
    limits_.queued_bytes_per_token = 100;
    quotas_.emplace(limits_, [this](const std::string& id) {
      return gone_.count(id) == 0;
    });
  }

  // Whether it was let in.
  bool Add(const std::string& token, const std::string& id, int64_t bytes) {
    if (!quotas_->CheckJob(token, bytes).ok()) return false;
    quotas_->AddJob(token, id, bytes);
    return true;
  }

  ServiceLimits limits_;
  std::set<std::string> gone_;
  std::optional<TokenQuotas> quotas_;
};

TEST_F(TokenQuotasTest, WatchesCountByToken) {
  EXPECT_TRUE(quotas_->BeginWatch("sam").ok());
  EXPECT_TRUE(quotas_->BeginWatch("sam").ok());
  EXPECT_THAT(quotas_->BeginWatch("sam").message(),
              HasSubstr("limits.watches_per_token"));
  EXPECT_TRUE(quotas_->BeginWatch("ada").ok());
  quotas_->EndWatch("sam");
  EXPECT_TRUE(quotas_->BeginWatch("sam").ok());
}

TEST_F(TokenQuotasTest, JobsCountUntilTheyWaitNoMore) {
  EXPECT_TRUE(Add("sam", "a", 10));
  EXPECT_TRUE(Add("sam", "b", 10));
  EXPECT_FALSE(Add("sam", "c", 10));
  EXPECT_TRUE(Add("ada", "c", 10));
  gone_ = {"a"};
  EXPECT_TRUE(Add("sam", "d", 10));
  EXPECT_FALSE(Add("sam", "e", 10));
}

TEST_F(TokenQuotasTest, SoDoTheirBytesOnceEach) {
  EXPECT_TRUE(Add("sam", "a", 60));
  quotas_->AddJob("sam", "a", 60);  // sent again
  EXPECT_FALSE(Add("sam", "b", 41));
  EXPECT_TRUE(Add("sam", "b", 40));
}

TEST_F(TokenQuotasTest, WithoutTokensThereAreNoQuotas) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(quotas_->BeginWatch("").ok());
    EXPECT_TRUE(Add("", std::to_string(i), 1000));
  }
}

}  // namespace
}  // namespace halfpipe
