#include "common/service/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/base/log.h"

namespace halfpipe {
namespace {

// That entries arrive with their fields: tests/e2e/systemd_test.sh.
TEST(JournalTest, FieldsHaveNamesThatTheJournalTakes) {
  EXPECT_EQ(JournalFieldName("job"), "HALFPIPE_JOB");
  EXPECT_EQ(JournalFieldName("exit_code"), "HALFPIPE_EXIT_CODE");
  EXPECT_EQ(JournalFieldName("s/it\n=x"), "HALFPIPE_S_IT__X");
  EXPECT_EQ(JournalFieldName(std::string(100, 'k')).size(), 64u);
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
