#include "coordinator/schedule/coordinator_metrics.h"

#include <time.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

JobStepSample Sample() {
  JobStepSample sample;
  sample.steps_done = 7;
  sample.steps_planned = 20;
  sample.loss = 0.25;
  sample.grad_norm = 1.5;
  sample.learning_rate = 1e-4;
  sample.step_seconds = 2.5;
  sample.eta_seconds = 32.5;
  sample.time = absl::FromUnixSeconds(1000);
  return sample;
}

TEST(CoordinatorMetricsTest, AStepIsInTheText) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobInfo("a", "i2v-a14b", 32);
  metrics.OnStep("a", Sample());
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_job_step{job=\"a\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_job_steps_planned{job=\"a\"} 20\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_train_loss{job=\"a\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_grad_norm{job=\"a\"} 1.5\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_job_last_step_timestamp_seconds{job=\"a\"} "
                        "1000\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_job_info{job=\"a\",model=\"i2v-a14b\","
                              "rank=\"32\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_step_duration_seconds_bucket{phase=\"step\","
                        "le=\"2\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_step_duration_seconds_bucket{phase=\"step\","
                        "le=\"5\"} 1\n"));
}

TEST(CoordinatorMetricsTest, AJobHasItsNameAndAWarmUpIsInNoAverage) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobInfo("a", "i2v-a14b", 32, "cats");
  JobStepSample first = Sample();
  first.is_first = true;
  metrics.OnStep("a", first);
  EXPECT_THAT(registry.Text(),
              HasSubstr("halfpipe_job_info{job=\"a\",model=\"i2v-a14b\","
                        "name=\"cats\",rank=\"32\"} 1\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("halfpipe_job_step{job=\"a\"} 7\n"));
  EXPECT_THAT(registry.Text(), Not(HasSubstr("phase=\"step\"")));
}

TEST(CoordinatorMetricsTest, AnEndedJobHasNoSeries) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobInfo("a", "i2v-a14b", 32);
  metrics.OnStep("a", Sample());
  metrics.OnStep("b", Sample());
  metrics.OnValidation("a", {{978, 0.5}});
  metrics.SetLossByTimestep("a", {{978, 0.5}});
  metrics.DropJob("a");
  metrics.DropJob("never-there");
  EXPECT_THAT(registry.Text(), Not(HasSubstr("job=\"a\"")));
  EXPECT_THAT(registry.Text(), HasSubstr("halfpipe_job_step{job=\"b\"} 7\n"));
  // It may come back: a resumed job.
  metrics.OnStep("a", Sample());
  EXPECT_THAT(registry.Text(), HasSubstr("halfpipe_job_step{job=\"a\"} 7\n"));
}

TEST(CoordinatorMetricsTest, AValidationHasALossABand) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.OnValidation("a", {{978, 0.5}, {500, 0.25}});
  metrics.OnValidation("a", {{978, 0.125}, {500, 0.25}});
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_eval_loss{job=\"a\",t_band=\"978\"} "
                              "0.125\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_eval_loss{job=\"a\",t_band=\"500\"} "
                              "0.25\n"));
}

TEST(CoordinatorMetricsTest, ATrainingLossHasItsBands) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetLossByTimestep("a", {{990, 0.5}});
  metrics.SetLossByTimestep("a", {{990, 0.25}, {900, 0.125}});
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_train_loss_by_timestep{job=\"a\","
                              "t_band=\"990\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("t_band=\"900\"} 0.125\n"));
}

TEST(CoordinatorMetricsTest, BusyAndIdleAddUpOverSteps) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  StageTimes first;
  first.busy = 1.5;
  first.bubble = 0.25;
  first.recv = 0.125;
  first.data = 0.5;
  first.forward = 0.5;
  first.backward = 1.0;
  first.send = 0.0625;
  first.bytes_sent = 100;
  StageTimes second;
  second.bytes_received = 100;
  for (int i = 0; i < 2; ++i) metrics.OnStageTimes("gpu01", {first, second});
  const std::string text = registry.Text();
  const auto expect = [&text](const std::string& line) {
    EXPECT_THAT(text, HasSubstr(line + "\n"));
  };
  expect("halfpipe_stage_busy_seconds_total{pair=\"gpu01\",stage=\"0\"} 3");
  expect("halfpipe_stage_busy_seconds_total{pair=\"gpu01\",stage=\"1\"} 0");
  const std::string idle = "halfpipe_stage_idle_seconds_total{cause=\"";
  expect(idle + "bubble\",pair=\"gpu01\",stage=\"0\"} 0.5");
  expect(idle + "recv\",pair=\"gpu01\",stage=\"0\"} 0.25");
  expect(idle + "data\",pair=\"gpu01\",stage=\"0\"} 1");
  expect(
      "halfpipe_stage_transfer_bytes_total{direction=\"sent\",pair=\"gpu01\","
      "stage=\"0\"} 200");
  expect(
      "halfpipe_stage_transfer_bytes_total{direction=\"received\",pair="
      "\"gpu01\",stage=\"1\"} 200");
  expect(
      "halfpipe_stage_transfer_seconds_total{direction=\"sent\",pair="
      "\"gpu01\",stage=\"0\"} 0.125");
  expect(
      "halfpipe_step_duration_seconds_sum{phase=\"backward\",stage=\"0\"} 2");
  expect(
      "halfpipe_step_duration_seconds_count{phase=\"optimizer\",stage=\"1\"} "
      "2");
}

// Of this thread's own work, however busy the machine is.
double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::ToDoubleSeconds(absl::DurationFromTimespec(time));
}

// What a step costs here must be nothing beside one: 0.1 % of the shortest
// steps there are, 2 s on two cards, is 2 ms.
TEST(CoordinatorMetricsTest, AStepCostsMicroseconds) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  constexpr int kSteps = 200;
  const double begin = ThreadSeconds();
  for (int i = 0; i < kSteps; ++i) {
    metrics.OnStageTimes("gpu01", {StageTimes(), StageTimes()});
    metrics.SetLossByTimestep("a", {{990, 1}, {900, 1}, {800, 1}, {700, 1}});
    metrics.OnStep("a", Sample());
  }
  const double seconds = (ThreadSeconds() - begin) / kSteps;
  RecordProperty("microseconds_a_step", absl::StrCat(seconds * 1e6));
  EXPECT_LT(seconds, 2e-3);
}

TEST(CoordinatorMetricsTest, StatesWithoutJobsAreZero) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobs({{"running", 1}, {"queued", 2}}, 2);
  metrics.SetJobs({{"running", 1}}, 0);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_jobs{state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_jobs{state=\"queued\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_jobs{state=\"pausing\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_queue_depth 0\n"));
}

TEST(CoordinatorMetricsTest, CountsRestartsSavesAndBrokenSteps) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.OnRestart("stuck");
  metrics.OnRestart("stuck");
  metrics.OnNonFiniteStep();
  metrics.OnCheckpoint(absl::Seconds(4), absl::FromUnixSeconds(77));
  const std::string text = registry.Text();
  EXPECT_THAT(text,
              HasSubstr("halfpipe_job_restarts_total{reason=\"stuck\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_nonfinite_steps_total 1\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_checkpoint_save_seconds 4\n"));
  EXPECT_THAT(
      text,
      HasSubstr("halfpipe_checkpoint_last_success_timestamp_seconds 77\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_step_duration_seconds_sum{phase=\"save\"} "
                        "4\n"));
}

}  // namespace
}  // namespace halfpipe
