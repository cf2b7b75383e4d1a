#include "common/metrics/coordinator_metrics.h"

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

TEST(CoordinatorMetricsTest, AnEndedJobHasNoSeries) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobInfo("a", "i2v-a14b", 32);
  metrics.OnStep("a", Sample());
  metrics.OnStep("b", Sample());
  metrics.OnValidation("a", {{978, 0.5}});
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

TEST(CoordinatorMetricsTest, StatesWithoutJobsAreZero) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.SetJobs({{"running", 1}, {"queued", 2}}, 2);
  metrics.SetJobs({{"running", 1}}, 0);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_jobs{state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_jobs{state=\"queued\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_queue_depth 0\n"));
}

TEST(CoordinatorMetricsTest, CountsRestartsSavesAndBrokenSteps) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.OnRestart();
  metrics.OnRestart();
  metrics.OnNonFiniteStep();
  metrics.OnCheckpoint(absl::Seconds(4), absl::FromUnixSeconds(77));
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_job_restarts_total 2\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_nonfinite_steps_total 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("halfpipe_checkpoint_last_success_timestamp_seconds 77\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_step_duration_seconds_sum{phase=\"save\"} "
                        "4\n"));
}

}  // namespace
}  // namespace halfpipe
