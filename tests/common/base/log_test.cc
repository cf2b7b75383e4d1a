#include "common/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

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

TEST(LogTest, WhatATerminalWouldObeyIsShown) {
  const std::string line = Written([] {
    LogInfo("x", {{"escape", "\x1b[2J"},
                  {"csi",
                   "a\xc2\x9b"
                   "b"},
                  {"turned", "a\xe2\x80\xae"},
                  {"bytes", "\xe9"},
                  {"name", "caf\xc3\xa9"}});
  });
  EXPECT_THAT(line, EndsWith(" msg=x escape=\"\\033[2J\" csi=\"a\\xC2\\x9Bb\" "
                             "turned=\"a\\xE2\\x80\\xAE\" bytes=\"\\xE9\" "
                             "name=caf\xc3\xa9\n"));
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

TEST(LogTest, ASinkGetsTheTextAndEveryField) {
  SetLogContext("rank", "1");
  bool takes = true;
  LogPairs seen;
  SetLogSink([&](LogLevel, absl::string_view text, const LogPairs& fields) {
    EXPECT_EQ(text, "step done rank=1 file=\"a b\"");
    seen = fields;
    return takes;
  });
  const auto log = [] { LogInfo("step done", {{"file", "a b"}}); };
  EXPECT_THAT(Written(log), IsEmpty());
  EXPECT_THAT(seen, ::testing::ElementsAre(::testing::Pair("rank", "1"),
                                           ::testing::Pair("file", "a b")));
  takes = false;  // the journal is away
  EXPECT_THAT(Written(log), HasSubstr("msg=\"step done\" rank=1 file="));
  SetLogSink(nullptr);
  SetLogContext("rank", "");
}

TEST(LogTest, TheJournalIsStandardErrorOnlyIfItIsTheSameFile) {
  struct stat status = {};
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  setenv("JOURNAL_STREAM",
         absl::StrCat(status.st_dev, ":", status.st_ino).c_str(), 1);
  EXPECT_TRUE(StandardErrorIsJournal());
  setenv("JOURNAL_STREAM",
         absl::StrCat(status.st_dev, ":", status.st_ino + 1).c_str(), 1);
  EXPECT_FALSE(StandardErrorIsJournal());
  unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(StandardErrorIsJournal());
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
