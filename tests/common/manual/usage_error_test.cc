#include "common/manual/usage_error.h"

#include <sstream>
#include <string>
#include <vector>

#include "common/manual/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Said {
  bool is_asked = false;
  std::string out;
  std::string err;
};

// What the small program says of these arguments, which it refuses or answers.
Said Parse(std::vector<const char*> arguments) {
  SmallProgram program;
  program.app.require_subcommand(1);
  arguments.insert(arguments.begin(), "small");
  std::ostringstream out;
  std::ostringstream err;
  Said said;
  try {
    program.app.parse(static_cast<int>(arguments.size()), arguments.data());
    ADD_FAILURE() << "nothing was wrong";
  } catch (const CLI::ParseError& error) {
    said.is_asked = ReportParseResult(program.app, error, "small", out, err);
  }
  said.out = out.str();
  said.err = err.str();
  return said;
}

TEST(UsageErrorTest, NamesTheNearestOption) {
  const Said said = Parse({"train", "j", "--dtpe=fp32"});
  EXPECT_FALSE(said.is_asked);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(said.err,
            "small: there is no option '--dtpe'; did you mean '--dtype'?\n"
            "  usage: small train [OPTIONS] JOB (small train --help says "
            "more)\n");
}

TEST(UsageErrorTest, AMisspeltOptionComesBeforeWhatIsMissing) {
  EXPECT_THAT(Parse({"train", "--stesp"}).err,
              StartsWith("small: there is no option '--stesp'; did you mean "
                         "'--steps'?\n"));
}

TEST(UsageErrorTest, SaysWhatIsMissing) {
  EXPECT_THAT(Parse({"train"}).err,
              StartsWith("small: job is required: The job file\n"));
  EXPECT_THAT(Parse({}).err,
              HasSubstr("say which command of it: train, stop\n"));
  EXPECT_THAT(Parse({"train", "j", "--steps"}).err,
              StartsWith("small: --steps needs a value behind it: How many"));
}

TEST(UsageErrorTest, SaysWhatAValueMayBe) {
  EXPECT_THAT(Parse({"train", "j", "--dtype", "fp16"}).err,
              StartsWith("small: --dtype: expected one of bf16, fp32, found "
                         "'fp16'\n"));
  EXPECT_THAT(Parse({"train", "j", "--steps", "few"}).err,
              StartsWith("small: --steps: expected a whole number, found "
                         "'few'\n"));
}

TEST(UsageErrorTest, SaysWhatIsTooMuch) {
  EXPECT_THAT(Parse({"train", "j", "k"}).err,
              StartsWith("small: the argument 'k' is one too many"));
  EXPECT_THAT(Parse({"train", "j", "\x1b[2J"}).err, HasSubstr("\\x1B[2J"));
}

TEST(UsageErrorTest, AnswersWhatIsAsked) {
  const Said said = Parse({"--version"});
  EXPECT_TRUE(said.is_asked);
  EXPECT_EQ(said.out, "1\n");
  EXPECT_EQ(said.err, "");
  EXPECT_THAT(Parse({"train", "--help"}).out, HasSubstr("--dtype"));
}

}  // namespace
}  // namespace halfpipe
