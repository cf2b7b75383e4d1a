#include "stage/curves/curve_backend.h"

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/curves/jsonl_curve.h"
#include "support/fake_stage_backend.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CurveBackendTest : public testing::Test {
 protected:
  CurveBackendTest()
      : curves_(&backend_, [] { return absl::FromUnixSeconds(1764630000); }) {}

  StartCommand StartOf(const std::string& metrics = "") {
    StartCommand start;
    start.config_yaml = absl::StrCat(
        "name: a\nmodel: {random: {variant: wan2.1-t2v-1.3b, layers: 5}}\n"
        "data: {height: 32, width: 32, frames: 5, random: {samples: 3}}\n"
        "train: {steps: 4}\noutput: {dir: \"",
        scratch_ / "out", "\"", metrics, "}\n");
    return start;
  }

  absl::Status Step(int64_t step, bool evaluation = false) {
    StepCommand command;
    command.plan.step = halfpipe::Step(step);
    command.plan.evaluation = evaluation;
    return curves_.Step(command, {}).status();
  }

  std::string Lines() {
    const auto text = ReadFile(scratch_ / "out/metrics/metrics.jsonl");
    return text.ok() ? *text : "";
  }

  ScratchFolder scratch_;
  FakeStageBackend backend_;
  CurveBackend curves_;
};

TEST_F(CurveBackendTest, StepsAndEvaluationsAreRows) {
  ASSERT_TRUE(curves_.Start(Epoch(1), StartOf(), {}).ok());
  EXPECT_FALSE(fs::exists(scratch_ / "out"));
  ASSERT_TRUE(Step(0).ok());
  ASSERT_TRUE(Step(1).ok());
  ASSERT_TRUE(Step(2, /*evaluation=*/true).ok());
  ASSERT_TRUE(curves_.Save({}, {}).ok());
  EXPECT_THAT(Lines(), AllOf(HasSubstr("{\"step\":1,\"time\":1764630000.0,"),
                             HasSubstr("{\"step\":2,\"time\":1764630000.0,"),
                             HasSubstr("\"validation_loss\":")));
  EXPECT_THAT(backend_.ran(),
              ElementsAre("start", "step", "step", "step", "save"));
}

TEST_F(CurveBackendTest, AStepThatWasAbandonedIsNone) {
  ASSERT_TRUE(curves_.Start(Epoch(1), StartOf(), {}).ok());
  ASSERT_TRUE(Step(0).ok());
  const std::string before = Lines();
  std::stop_source stopped;
  stopped.request_stop();
  StepCommand command;
  command.plan.step = halfpipe::Step(-1);
  EXPECT_FALSE(curves_.Step(command, stopped.get_token()).ok());
  EXPECT_EQ(Lines(), before);
}

TEST_F(CurveBackendTest, NothingIsWrittenWithoutAJobOrAWish) {
  EXPECT_TRUE(Step(0).ok());
  EXPECT_FALSE(fs::exists(scratch_ / "out"));
  ASSERT_TRUE(curves_.Start(Epoch(1), StartOf(", metrics: []"), {}).ok());
  EXPECT_TRUE(Step(0).ok());
  EXPECT_FALSE(fs::exists(scratch_ / "out"));
  ASSERT_TRUE(curves_.Start(Epoch(1), StartOf(), {}).ok());
  EXPECT_TRUE(curves_.End({}, {}).ok());
  EXPECT_TRUE(Step(0).ok());
  EXPECT_FALSE(fs::exists(scratch_ / "out"));
}

}  // namespace
}  // namespace halfpipe
