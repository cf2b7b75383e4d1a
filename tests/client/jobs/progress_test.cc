#include "client/jobs/progress.h"

#include <limits>
#include <sstream>
#include <string>

#include "absl/strings/str_join.h"
#include "client/client_test_support.h"
#include "client/jobs/event_printer.h"
#include "client/jobs/progress_bar.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StageUse Gpu(int32_t rank, double gib_in_use) {
  StageUse use;
  use.rank = rank;
  use.device_bytes_in_use =
      static_cast<int64_t>(gib_in_use * 1024 * 1024 * 1024);
  use.device_total_bytes = int64_t{24} << 30;
  return use;
}

TEST(ReadableSecondsTest, PicksTheUnits) {
  EXPECT_EQ(ReadableSeconds(0.4), "0s");
  EXPECT_EQ(ReadableSeconds(59.4), "59s");
  EXPECT_EQ(ReadableSeconds(59.6), "1m00s");
  EXPECT_EQ(ReadableSeconds(3725), "1h02m");
  EXPECT_EQ(ReadableSeconds(50 * 3600), "2d02h");
  EXPECT_EQ(ReadableSeconds(-1), "?");
  EXPECT_EQ(ReadableSeconds(std::numeric_limits<double>::quiet_NaN()), "?");
}

TEST(ReadableBytesTest, PicksTheUnit) {
  EXPECT_EQ(ReadableBytes(12), "12 B");
  EXPECT_EQ(ReadableBytes(1536), "1.5 KiB");
  EXPECT_EQ(ReadableBytes(int64_t{13} << 30), "13.0 GiB");
}

TEST(MemoryTextTest, NamesTheKindsThatThereAre) {
  EXPECT_EQ(MemoryText({.weights_bytes = int64_t{13} << 30,
                        .lora_bytes = 1536,
                        .workspace_bytes = int64_t{2} << 20,
                        .free_bytes = int64_t{3} << 30}),
            "weights 13.0 GiB, LoRA 1.5 KiB, workspace 2.0 MiB, free 3.0 GiB");
  EXPECT_EQ(MemoryText({}), "");
}

TEST(StepTextTest, ShowsLossTimesAndEachGpu) {
  auto step = std::get<StepProgress>(StepEvent(12, 2000, 0).what);
  step.stages = {Gpu(0, 13.25), Gpu(1, 12.0)};
  step.stages[0].idle_ratio = 0.08;
  step.stages[1].idle_ratio = 0.12;
  EXPECT_EQ(StepText(step),
            "step 12/2000  loss 0.5 (avg 0.25)  1.5 s/it  ETA 49m42s"
            "  gpu0 13.2/24 GiB, 8% idle  gpu1 12.0/24 GiB, 12% idle");
}

TEST(StepTextTest, ShowsWhenTheNextCheckpointIsDue) {
  auto step = std::get<StepProgress>(StepEvent(12, 2000, 0).what);
  step.next_checkpoint_step = 250;
  step.next_checkpoint_seconds = 357;
  EXPECT_THAT(StepText(step), HasSubstr("ETA 49m42s  save in 5m57s"));
  step.next_checkpoint_step = 12;
  EXPECT_THAT(StepText(step), Not(HasSubstr("save")));
}

TEST(StepTextTest, AStageWithoutDeviceMemorySaysHowIdleItIs) {
  auto step = std::get<StepProgress>(StepEvent(1, 2, 0).what);
  step.stages = {StageUse{}};
  step.stages[0].idle_ratio = 0.5;
  EXPECT_THAT(StepText(step), Not(HasSubstr("gpu")));
  EXPECT_THAT(StepText(step), HasSubstr("stage0 50% idle"));
}

TEST(EventTextTest, ALineNamesItsStage) {
  JobEvent event;
  event.what = LogLine{LogSeverity::kWarning, "the host is slow", 1};
  EXPECT_EQ(EventText(event), "stage 1: warning: the host is slow");
}

TEST(EventTextTest, AValidationSaysWhichIsTheBest) {
  ValidationResult result;
  result.steps_done = 200;
  result.loss = 0.25;
  result.bands = {{978.4, 0.125}, {500.0, 0.375}};
  result.best_steps = 100;
  result.best_loss = 0.125;
  JobEvent event;
  event.what = result;
  EXPECT_EQ(EventText(event),
            "validation step 200: loss 0.25, the best is 0.125 of step 100  "
            "(by timestep 978: 0.125, 500: 0.375)");
  result.best_steps = 200;
  EXPECT_EQ(ValidationText(result).substr(0, 49),
            "validation step 200: loss 0.25, the best so far  ");
}

TEST(EventTextTest, FailureIsSaidOnce) {
  JobEvent event;
  event.what = StateChange{
      .state = JobState::kFailed,
      .reason = "loss is not finite at step 3",
      .error = absl::FailedPreconditionError("loss is not finite at step 3")};
  EXPECT_EQ(EventText(event), "failed: loss is not finite at step 3");
}

std::string BarOf(const JobEvent& event, int columns) {
  return absl::StrJoin(
      ProgressBar(std::get<StepProgress>(event.what), columns - 1), "\n");
}

// Up from the second of the bar's lines to the first, and both away.
constexpr char kErase[] = "\r\x1b[1A\x1b[J";

TEST(BarPrinterTest, DrawsOverStepsAndKeepsOtherLines) {
  std::ostringstream out;
  const auto printer = NewBarPrinter(out, [] { return 40; });
  printer->Print(StepEvent(1, 4, 0));
  printer->Print(StepEvent(2, 4, 0));
  JobEvent line;
  line.what = LogLine{.severity = LogSeverity::kWarning, .text = "slow disk"};
  printer->Print(line);
  printer->Finish();
  const std::string bar = BarOf(StepEvent(2, 4, 0), 40);
  EXPECT_EQ(out.str(), BarOf(StepEvent(1, 4, 0), 40) + kErase + bar + kErase +
                           "warning: slow disk\n" + bar + "\n");
}

TEST(BarPrinterTest, AnEncodingIsOneLineAndMayBeWide) {
  std::ostringstream out;
  const auto printer = NewBarPrinter(out, [] { return 20; });
  JobEvent event;
  event.what = EncodingProgress{
      .samples_done = 3, .samples_total = 12, .activity = "a-long-name.mp4"};
  printer->Print(event);
  printer->Print(event);
  EXPECT_EQ(out.str(), "encoding 3/12  a...\r\x1b[Jencoding 3/12  a...");
}

TEST(BarPrinterTest, IsDrawnAnewWhenTheTerminalsWidthChanges) {
  std::ostringstream out;
  int columns = 80;
  const auto printer = NewBarPrinter(out, [&columns] { return columns; });
  const JobEvent step = StepEvent(1, 4, 0);
  printer->Refresh();
  printer->Print(step);
  printer->Refresh();
  EXPECT_EQ(out.str(), BarOf(step, 80));
  out.str("");
  // The first line now takes two rows, the second one still takes one.
  columns = 50;
  printer->Refresh();
  EXPECT_EQ(out.str(), "\r\x1b[2A\x1b[J" + BarOf(step, 50));
  printer->Finish();
  out.str("");
  columns = 80;
  printer->Refresh();
  EXPECT_EQ(out.str(), "");
}

TEST(BarPrinterTest, LeavesAStagesChatterToTheLog) {
  std::ostringstream out;
  const auto printer = NewBarPrinter(out, [] { return 80; });
  JobEvent line;
  line.what = LogLine{LogSeverity::kInfo, "model loaded", 0};
  printer->Print(line);
  EXPECT_EQ(out.str(), "");
  line.what = LogLine{LogSeverity::kWarning, "the host is slow", 1};
  printer->Print(line);
  EXPECT_EQ(out.str(), "stage 1: warning: the host is slow\n");
}

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(LinePrinterTest, ThinsStepsButKeepsTheFirstAndLast) {
  std::ostringstream out;
  const auto printer = NewLinePrinter(out, absl::Seconds(2));
  for (int64_t step = 1; step <= 9; ++step) {
    printer->Print(StepEvent(step, 9, 0.5 * static_cast<double>(step)));
  }
  printer->Finish();
  // At 0.5, 2.5 and 4.5 s: the interval lets steps 1, 5 and 9 through.
  EXPECT_EQ(CountOf(out.str(), "step "), 3) << out.str();
  EXPECT_THAT(out.str(), HasSubstr("step 5/9"));
  EXPECT_THAT(out.str(), HasSubstr("step 9/9"));
}

TEST(LinePrinterTest, PrintsAHeldBackStepBeforeWhatFollowsIt) {
  std::ostringstream out;
  const auto printer = NewLinePrinter(out, absl::Seconds(60));
  printer->Print(StepEvent(1, 9, 0));
  printer->Print(StepEvent(2, 9, 1));
  JobEvent saved;
  saved.what = Checkpoint{.steps_done = 2, .directory = "/out/step-2"};
  printer->Print(saved);
  EXPECT_LT(out.str().find("step 2/9"), out.str().find("saved step 2"));
}

TEST(JsonPrinterTest, OneObjectALineForEveryEvent) {
  std::ostringstream out;
  const auto printer = NewJsonPrinter(out);
  printer->Print(StepEvent(1, 9, 0));
  printer->Print(StepEvent(2, 9, 0));
  printer->Notice("not an event");
  EXPECT_EQ(CountOf(out.str(), "\n"), 2);
  EXPECT_THAT(out.str(), HasSubstr("\"type\":\"step\",\"steps_done\":2"));
}

}  // namespace
}  // namespace halfpipe
