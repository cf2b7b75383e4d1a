#include "common/manual/man_page.h"

#include <string>

#include "common/manual/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ManPageTest, HasEveryCommandOptionAndVariable) {
  const std::string page =
      ManPage(SmallProgram().Tree(), {.about = ".dots and 'quotes'",
                                      .exit_codes = {{"3", "Bad input"}},
                                      .see_also = {"big(1)"}});
  EXPECT_THAT(page, HasSubstr(".TH SMALL 1 \"\" halfpipe\n"));
  EXPECT_THAT(page, HasSubstr("small \\- Trains small models\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&.dots and 'quotes'\n"));
  EXPECT_THAT(page, HasSubstr(".SS small train [OPTIONS] JOB\n"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-n\\fR, \\fB\\-\\-steps\\fR \\fIINT\\fR"));
  EXPECT_THAT(page, HasSubstr("One of bf16, fp32.\n"));
  EXPECT_THAT(page, HasSubstr("Default: 5.\n"));
  EXPECT_THAT(page, HasSubstr(".SS small stop now\n"));
  EXPECT_THAT(page, HasSubstr("\\fBSMALL_TOKEN\\fR\nIn place of "));
  EXPECT_THAT(page, HasSubstr("\\fB3\\fR\nBad input.\n"));
  EXPECT_THAT(page, HasSubstr("big(1)"));
  EXPECT_THAT(page, Not(HasSubstr("secret")));
  EXPECT_THAT(page, Not(HasSubstr("hidden")));
}

TEST(ManPageTest, TheHiddenFlagPrintsThePageAndEnds) {
  CLI::App app("A daemon.", "daemon");
  bool needed = false;
  app.add_flag("--needed", needed)->required();
  AddManualFlag(app, "small-daemon", {});
  const char* argv[] = {"daemon", "--manual"};
  testing::internal::CaptureStdout();
  int code = -1;
  try {
    app.parse(2, argv);
  } catch (const CLI::ParseError& error) {
    code = app.exit(error);
  }
  const std::string page = testing::internal::GetCapturedStdout();
  EXPECT_EQ(code, 0);
  EXPECT_THAT(page, StartsWith(".\\\" Written"));
  EXPECT_THAT(page, HasSubstr("small\\-daemon \\- A daemon\n"));
  EXPECT_THAT(page, Not(HasSubstr("manual\\fR")));
}

}  // namespace
}  // namespace halfpipe
