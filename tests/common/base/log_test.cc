#include "common/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace halfpipe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Written(const std::function<void()>& log) {
  ::testing::internal::CaptureStderr();
  log();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogTest, ALineIsLogfmt) {
  const std::string line = Written([] {
    LogInfo("step done", {{"step", 3}, {"file", "a b=\"c\"\n"}, {"none", ""}});
  });
  EXPECT_THAT(line, HasSubstr("ts=20"));
  EXPECT_THAT(line, EndsWith(" level=info msg=\"step done\" step=3 "
                             "file=\"a b=\\\"c\\\"\\n\" none=\"\"\n"));
}

TEST(LogTest, ContextIsInEveryLineUntilItIsEmptied) {
  SetLogContext("job", "first");
  SetLogContext("job", "second");
  EXPECT_THAT(Written([] { LogError("x"); }),
              EndsWith(" level=error msg=x job=second\n"));
  SetLogContext("job", "");
  EXPECT_THAT(Written([] { LogError("x"); }), Not(HasSubstr("job")));
}

TEST(LogTest, ATapSeesWhatIsWritten) {
  std::vector<std::string> seen;
  SetLogTap([&](LogLevel level, absl::string_view text) {
    EXPECT_EQ(level, LogLevel::kWarning);
    seen.emplace_back(text);
  });
  (void)Written([] {
    LogDebug("not written");
    LogWarning("link is slow", {{"peer", 1}, {"why", "a b"}});
  });
  SetLogTap(nullptr);
  (void)Written([] { LogWarning("nobody looks"); });
  EXPECT_THAT(seen, ::testing::ElementsAre("link is slow peer=1 why=\"a b\""));
}

TEST(LogTest, LinesBelowTheMinimumAreDropped) {
  EXPECT_THAT(Written([] { LogDebug("x"); }), IsEmpty());
  SetMinLogLevel(LogLevel::kWarning);
  EXPECT_THAT(Written([] { LogInfo("x"); }), IsEmpty());
  EXPECT_THAT(Written([] { LogWarning("x"); }), HasSubstr("level=warning"));
  SetMinLogLevel(LogLevel::kInfo);
}

}  // namespace
}  // namespace halfpipe
