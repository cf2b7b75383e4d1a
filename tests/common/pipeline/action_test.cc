#include "common/pipeline/action.h"

#include <gtest/gtest.h>

namespace halfpipe::pipeline {
namespace {

TEST(ActionTest, EveryOperationPrintsAndParsesBack) {
  for (const char* text : {"0F0", "1B3", "0SF3", "1RF3", "2SB63", "1RB12",
                           "NORM", "STEP", "12F345"}) {
    absl::StatusOr<Action> action = ParseAction(text);
    ASSERT_TRUE(action.ok()) << action.status();
    EXPECT_EQ(ToString(*action), text);
  }
  EXPECT_EQ(ParseAction("1RB12").value(),
            (Action{Op::kReceiveGradient, Segment(1), Microbatch(12)}));
}

TEST(ActionTest, ListsPrintAndParseBack) {
  const std::string text = "0F0 0SF0 2RF0 2F0 NORM STEP";
  EXPECT_EQ(ToString(ParseActions(text).value()), text);
  EXPECT_TRUE(ParseActions("").value().empty());
}

TEST(ActionTest, WhatIsNoActionIsRefusedByName) {
  for (const char* text :
       {"", "F1", "1F", "1X2", "1F2x", "x1F2", "-1F2", "1F-2", "1F+2", "norm",
        "1FF2", "99999999999F1", "1F 2"}) {
    absl::StatusOr<Action> action = ParseAction(text);
    EXPECT_TRUE(absl::IsInvalidArgument(action.status())) << text;
    EXPECT_NE(action.status().message().find(std::string("'") + text + "'"),
              absl::string_view::npos);
  }
  EXPECT_FALSE(ParseActions("0F0 oops").ok());
}

}  // namespace
}  // namespace halfpipe::pipeline
