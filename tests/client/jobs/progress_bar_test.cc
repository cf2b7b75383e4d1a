#include "client/jobs/progress_bar.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "client/client_test_support.h"
#include "client/jobs/terminal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A step in the middle of a job on `gpus` cards.
StepProgress Step(int32_t gpus) {
  auto step = std::get<StepProgress>(StepEvent(1234, 2000, 0).what);
  step.loss = 0.1234;
  step.smoothed_loss = 0.1301;
  step.learning_rate = 1e-4;
  step.grad_norm = 0.5;
  step.step_seconds = 2.31;
  step.eta_seconds = 3600;
  step.next_checkpoint_step = 1250;
  step.next_checkpoint_seconds = 724;
  for (int32_t rank = 0; rank < gpus; ++rank) {
    StageUse& use = step.stages.emplace_back();
    use.rank = rank;
    use.device_bytes_in_use = int64_t{13} << 30;
    use.device_total_bytes = int64_t{24} << 30;
    use.idle_ratio = 0.08;
  }
  return step;
}

TEST(ProgressBarTest, HasTwoLinesOn80Columns) {
  EXPECT_THAT(
      ProgressBar(Step(2), 79),
      ElementsAre("[#########......]  61%  step 1234/2000  2.31 s/it  ETA 1h00m"
                  "  save in 12m04s",
                  "loss 0.1234 (avg 0.1301)  gpu0 13.0/24G 8% idle"
                  "  gpu1 13.0/24G 8% idle"));
}

TEST(ProgressBarTest, UsesAWideTerminal) {
  const std::vector<std::string> lines = ProgressBar(Step(2), 159);
  EXPECT_GT(lines[0].size(), 150u);
  EXPECT_THAT(lines[0], EndsWith("save in 12m04s"));
  EXPECT_EQ(lines[1],
            "loss 0.1234 (avg 0.1301)  grad norm 0.5  lr 0.0001"
            "  gpu0 13.0/24 GiB, 8% idle  gpu1 13.0/24 GiB, 8% idle");
}

TEST(ProgressBarTest, TellsOfEveryStageOfMany) {
  EXPECT_THAT(ProgressBar(Step(3), 79)[1], EndsWith("  gpu2 8% idle"));
  EXPECT_THAT(ProgressBar(Step(8), 79)[1],
              EndsWith("  idle 8% 8% 8% 8% 8% 8% 8% 8%"));
}

TEST(ProgressBarTest, LeavesOutWholePartsOnANarrowTerminal) {
  const std::vector<std::string> lines = ProgressBar(Step(2), 45);
  EXPECT_THAT(lines[0], StartsWith("[######....]  61%  step 1234/2000  ETA"));
  EXPECT_THAT(lines[0], Not(HasSubstr("save")));
  EXPECT_EQ(lines[1], "loss 0.1234 (avg 0.1301)  idle 8% 8%");
}

TEST(ProgressBarTest, FitsEveryWidth) {
  for (int columns = -1; columns < 200; ++columns) {
    for (const int32_t gpus : {0, 1, 2, 8}) {
      const std::vector<std::string> lines = ProgressBar(Step(gpus), columns);
      ASSERT_EQ(lines.size(), 2u);
      EXPECT_LE(ShownColumns(lines[0]), std::max(columns, 0));
      // ^C may come behind it.
      EXPECT_LE(ShownColumns(lines[1]), std::max(columns - 2, 0));
    }
  }
}

TEST(ProgressBarTest, IsFullAtTheEndAndEmptyWithoutSteps) {
  const auto last = std::get<StepProgress>(StepEvent(4, 4, 0).what);
  EXPECT_THAT(ProgressBar(last, 50)[0],
              StartsWith("[###############] 100%  step 4/4"));
  StepProgress none = last;
  none.steps_total = 0;
  EXPECT_THAT(ProgressBar(none, 80)[0], StartsWith("[....."));
}

TEST(ProgressBarTest, LeavesOutATimeThatIsNotKnown) {
  StepProgress step = Step(0);
  step.eta_seconds = -1;
  step.next_checkpoint_step = step.steps_done;
  const std::string line = ProgressBar(step, 79)[0];
  EXPECT_THAT(line, EndsWith("2.31 s/it"));
}

}  // namespace
}  // namespace halfpipe
