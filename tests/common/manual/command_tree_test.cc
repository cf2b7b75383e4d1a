#include "common/manual/man_page.h"
#include "common/manual/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CommandTreeTest, ReadsEveryOptionAndNothingHidden) {
  const CommandText tree = SmallProgram().Tree();
  ASSERT_EQ(tree.commands.size(), 2u);
  const CommandText& train = tree.commands[0];
  EXPECT_EQ(train.name, "train");
  ASSERT_EQ(train.options.size(), 6u);
  EXPECT_THAT(train.options[0].names, ElementsAre("-h", "--help"));
  EXPECT_EQ(train.options[0].value, "");
  EXPECT_THAT(train.options[1].names, IsEmpty());
  EXPECT_EQ(train.options[1].value, "JOB");
  EXPECT_TRUE(train.options[1].required);
  EXPECT_THAT(train.options[2].choices, ElementsAre("bf16", "fp32"));
  EXPECT_THAT(train.options[3].names, ElementsAre("-n", "--steps"));
  EXPECT_EQ(train.options[3].value, "INT");
  EXPECT_EQ(train.options[3].default_value, "5");
  EXPECT_EQ(train.options[4].variable, "SMALL_TOKEN");
  EXPECT_EQ(train.options[5].value, "");
  EXPECT_EQ(tree.commands[1].commands[0].name, "now");
}

TEST(CommandTreeTest, ASynopsisNamesWhatMustBeGiven) {
  const CommandText tree = SmallProgram().Tree();
  EXPECT_EQ(SynopsisOf(tree, ""), "small [OPTIONS] COMMAND");
  EXPECT_EQ(SynopsisOf(tree.commands[0], "small "),
            "small train [OPTIONS] JOB");
}

}  // namespace
}  // namespace halfpipe
