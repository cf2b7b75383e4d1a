#include "stage/curves/job_curves.h"

#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/curves/jsonl_curve.h"
#include "stage/curves/tensorboard_curve.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::SizeIs;

CurveRow Row(int64_t step) {
  return {{step, false}, 1764630000.0, {{"train", "loss", 0.5}}};
}

TEST(JobCurvesTest, NothingIsMadeBeforeTheFirstRow) {
  const ScratchFolder scratch;
  OutputConfig output;
  output.dir = scratch / "out";
  JobCurves curves(output);
  curves.Sync();
  EXPECT_FALSE(fs::exists(output.dir));
  curves.Write(Row(1));
  curves.Sync();
  EXPECT_TRUE(fs::exists(output.dir + "/metrics/" + kJsonlName));
  EXPECT_THAT(*ListEventFiles(output.dir + "/metrics"), SizeIs(1));
}

TEST(JobCurvesTest, OnlyWhatIsAskedForIsWritten) {
  const ScratchFolder scratch;
  OutputConfig output;
  output.dir = scratch / "none";
  output.metrics = {};
  JobCurves none(output);
  none.Write(Row(1));
  EXPECT_FALSE(fs::exists(output.dir));
  output.dir = scratch / "one";
  output.metrics = {CurveFormat::kTensorBoard};
  JobCurves one(output);
  one.Write(Row(1));
  EXPECT_FALSE(fs::exists(output.dir + "/metrics/" + kJsonlName));
  EXPECT_THAT(*ListEventFiles(output.dir + "/metrics"), SizeIs(1));
}

TEST(JobCurvesTest, WhatCannotBeWrittenWaitsAndIsSaidOnce) {
  const ScratchFolder scratch;
  scratch.Write("out", "in the way");
  OutputConfig output;
  output.dir = scratch / "out";
  JobCurves curves(output);
  ::testing::internal::CaptureStderr();
  curves.Write(Row(1));
  curves.Write(Row(2));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("curves cannot be written"));
  EXPECT_EQ(log.find("cannot be written"), log.rfind("cannot be written"));
  fs::remove(scratch / "out");
  curves.Write(Row(3));
  EXPECT_EQ(*ReadFile(output.dir + "/metrics/" + kJsonlName),
            JsonLineOf(Row(1)) + JsonLineOf(Row(2)) + JsonLineOf(Row(3)));
}

}  // namespace
}  // namespace halfpipe
