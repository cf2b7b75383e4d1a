#include "stage/job/scan_problems.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(ScanProblemsTest, OneKeepsItsCode) {
  ScanProblems problems;
  problems.Add(absl::OkStatus());
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(problems.ToStatus(), absl::OkStatus());
  problems.Add(absl::NotFoundError("model.vae: is not there"));
  EXPECT_EQ(problems.ToStatus(),
            absl::NotFoundError("model.vae: is not there"));
}

TEST(ScanProblemsTest, SeveralAreALineEach) {
  ScanProblems problems;
  problems.Add(absl::NotFoundError("a"));
  problems.Add(absl::DataLossError("b\nc"));
  EXPECT_EQ(problems.ToStatus(), absl::InvalidArgumentError("a\nb\nc"));
}

// It is no matter of who asks: the command's exit code must not say so.
TEST(ScanProblemsTest, AMissingRightIsAProblemOfTheJob) {
  ScanProblems problems;
  problems.Add(absl::PermissionDeniedError("a"));
  EXPECT_EQ(problems.ToStatus(), absl::InvalidArgumentError("a"));
}

TEST(ScanProblemsTest, TakesValuesAndFailures) {
  ScanProblems problems;
  EXPECT_EQ(problems.Take(absl::StatusOr<int>(3)), 3);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(problems.Take(absl::StatusOr<int>(absl::NotFoundError("a"))),
            std::nullopt);
  EXPECT_FALSE(problems.empty());
}

TEST(ScanProblemsTest, WhatIsWrongWithTheJobIsToldFromWhatKeptAScanFromIt) {
  EXPECT_TRUE(IsWrongWithJob(absl::InvalidArgumentError("x")));
  EXPECT_TRUE(IsWrongWithJob(absl::NotFoundError("x")));
  EXPECT_TRUE(IsWrongWithJob(absl::DataLossError("x")));
  EXPECT_FALSE(IsWrongWithJob(absl::OkStatus()));
  EXPECT_FALSE(IsWrongWithJob(absl::CancelledError("x")));
  EXPECT_FALSE(IsWrongWithJob(absl::ResourceExhaustedError("no room")));
}

}  // namespace
}  // namespace halfpipe
