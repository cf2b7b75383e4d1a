#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/base/log.h"
#include "common/service/systemd.h"

namespace halfpipe {
namespace {

// That entries arrive with their fields: tests/e2e/systemd_test.sh.
TEST(JournalTest, FieldsHaveNamesThatTheJournalTakes) {
  EXPECT_EQ(JournalFieldName("job"), "HALFPIPE_JOB");
  EXPECT_EQ(JournalFieldName("exit_code"), "HALFPIPE_EXIT_CODE");
  EXPECT_EQ(JournalFieldName("s/it\n=x"), "HALFPIPE_S_IT__X");
  EXPECT_EQ(JournalFieldName(std::string(100, 'k')).size(), 64u);
}

TEST(JournalTest, AnEntryIsLinesOrSizedFields) {
  EXPECT_EQ(JournalEntry("halfpipe-stage1", LogLevel::kWarning, "slow job=a",
                         {{"job", "a"}, {"why", "x\ny"}}),
            std::string("MESSAGE=slow job=a\nPRIORITY=4\n"
                        "SYSLOG_IDENTIFIER=halfpipe-stage1\nHALFPIPE_JOB=a\n"
                        "HALFPIPE_WHY\n\x03\0\0\0\0\0\0\0x\ny\n",
                        104));
}

TEST(JournalTest, OutsideOfAServiceLinesStayOnStandardError) {
  unsetenv("JOURNAL_STREAM");
  LogToJournal("test");
  testing::internal::CaptureStderr();
  LogInfo("here");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("msg=here"));
}

}  // namespace
}  // namespace halfpipe
