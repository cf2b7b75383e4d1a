// security_test sends real calls through it; here is what takes many of them.
#include "coordinator/api/call_guard.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class CallGuardTest : public ::testing::Test {
 protected:
  CallGuardTest() {
    std::filesystem::remove(path_);
    token_ = *AddToken(path_, {"rita", Role::kRead});
    submit_token_ = *AddToken(path_, {"sam", Role::kSubmit});
    book_ = *TokenBook::Open(path_);
  }

  // The code for a call with these values of its authorization header.
  grpc::StatusCode Ask(CallGuard* guard,
                       const std::vector<std::string>& headers,
                       const std::string& method = "ListJobs") {
    grpc::AuthMetadataProcessor::InputMetadata metadata;
    const std::string path =
        absl::StrCat("/halfpipe.v1.TrainingService/", method);
    metadata.emplace(":path", path);
    for (const std::string& header : headers) {
      metadata.emplace("authorization", header);
    }
    consumed_.clear();
    grpc::AuthMetadataProcessor::OutputMetadata unused;
    return guard->Process(metadata, nullptr, &consumed_, &unused).error_code();
  }

  const std::string path_ = ::testing::TempDir() + "/call_guard_test";
  std::string token_;
  std::string submit_token_;
  std::unique_ptr<TokenBook> book_;
  grpc::AuthMetadataProcessor::OutputMetadata consumed_;
};

TEST_F(CallGuardTest, TakesOneBearerTokenAndHidesIt) {
  CallGuard guard(book_.get());
  EXPECT_EQ(Ask(&guard, {absl::StrCat("Bearer ", token_)}),
            grpc::StatusCode::OK);
  EXPECT_EQ(consumed_.count("authorization"), 1u);
  EXPECT_EQ(Ask(&guard, {absl::StrCat("bearer ", token_)}),
            grpc::StatusCode::OK);
  for (const auto& headers : std::vector<std::vector<std::string>>{
           {},
           {""},
           {token_},
           {"Bearer "},
           {absl::StrCat("Basic ", token_)},
           {absl::StrCat("Bearer  ", token_)},
           {absl::StrCat("Bearer ", token_, " ")},
           // Which of two would count?
           {absl::StrCat("Bearer ", token_), "Bearer x"}}) {
    EXPECT_EQ(Ask(&guard, headers), grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_F(CallGuardTest, OnlyCallsThatNeedATokenSeeItAgain) {
  CallGuard guard(book_.get());
  const std::string header = absl::StrCat("Bearer ", submit_token_);
  for (const char* method : {"CreatePageTicket", "WatchJob", "CancelJob",
                             "PauseJob", "ResumeJob", "SaveJob", "DeleteJob"}) {
    EXPECT_EQ(Ask(&guard, {header}, method), grpc::StatusCode::OK);
    EXPECT_EQ(consumed_.count("authorization"), 0u) << method;
  }
  EXPECT_EQ(Ask(&guard, {"Bearer x"}, "CreatePageTicket"),
            grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(CallGuardTest, AFloodOfCallsIsNoFloodOfLines) {
  CallGuard guard(book_.get());
  ::testing::internal::CaptureStderr();
  const absl::Time begin = absl::Now();
  constexpr int64_t kCalls = 2000;
  for (int64_t i = 0; i < kCalls; ++i) (void)Ask(&guard, {"Bearer x"});
  const int64_t seconds = absl::ToInt64Seconds(absl::Now() - begin) + 1;
  absl::SleepFor(absl::Milliseconds(1100));
  (void)Ask(&guard, {"Bearer x"});
  const std::string log = ::testing::internal::GetCapturedStderr();
  const int64_t lines = std::count(log.begin(), log.end(), '\n');
  ASSERT_LT(seconds * LineLimit::kLinesASecond, kCalls);
  EXPECT_LE(lines, seconds * LineLimit::kLinesASecond + 1);
  EXPECT_GE(lines, LineLimit::kLinesASecond + 1);
  // And the next line says how many there were.
  if (seconds == 1) {
    EXPECT_THAT(log,
                HasSubstr(absl::StrCat("lines_left_out=",
                                       kCalls - LineLimit::kLinesASecond)));
  }
}

}  // namespace
}  // namespace halfpipe
