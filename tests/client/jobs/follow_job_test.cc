#include "client/jobs/follow_job.h"

#include <signal.h>

#include <sstream>
#include <string>

#include "client/client_test_support.h"
#include "client/commands/command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class FollowJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    client_.job.id = "j";
    client_.job.state = JobState::kDone;
    follow_.id = "j";
  }

  absl::StatusOr<FollowResult> Follow() {
    return FollowJob(client_, signals_, *printer_, follow_);
  }

  SignalWatch signals_ = *SignalWatch::Create();
  std::ostringstream out_;
  std::unique_ptr<EventPrinter> printer_ = NewJsonPrinter(out_);
  FakeTrainingClient client_;
  FollowOptions follow_;
};

TEST_F(FollowJobTest, PrintsEveryEventAndReturnsTheJob) {
  client_.events = {StepEvent(1, 2, 0), StepEvent(2, 2, 1)};
  const auto result = Follow();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->end, FollowEnd::kJobEnded);
  EXPECT_EQ(result->job.state, JobState::kDone);
  EXPECT_THAT(out_.str(), HasSubstr("\"steps_done\":2"));
}

TEST_F(FollowJobTest, StartsAfterTheCursor) {
  client_.events = {StepEvent(1, 2, 0), StepEvent(2, 2, 1)};
  follow_.after_cursor = 1;
  ASSERT_TRUE(Follow().ok());
  EXPECT_THAT(out_.str(), Not(HasSubstr("\"steps_done\":1")));
  EXPECT_THAT(out_.str(), HasSubstr("\"steps_done\":2"));
}

TEST_F(FollowJobTest, AnInterruptEndsTheWait) {
  client_.hang = true;
  ASSERT_EQ(pthread_kill(pthread_self(), SIGINT), 0);
  const auto result = Follow();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->end, FollowEnd::kInterrupted);
}

TEST_F(FollowJobTest, TheSecondInterruptIsCounted) {
  client_.hang = true;
  std::vector<int> counts;
  follow_.on_interrupt = [&](int count) {
    counts.push_back(count);
    if (count == 1) {
      EXPECT_EQ(pthread_kill(pthread_self(), SIGTERM), 0);
    }
    return count < 2;
  };
  ASSERT_EQ(pthread_kill(pthread_self(), SIGINT), 0);
  EXPECT_EQ(Follow()->end, FollowEnd::kInterrupted);
  EXPECT_THAT(counts, ::testing::ElementsAre(1, 2));
}

TEST_F(FollowJobTest, AFailingTickEndsTheWait) {
  client_.hang = true;
  follow_.tick = [] { return absl::InternalError("stage1 is gone"); };
  EXPECT_EQ(Follow().status(), absl::InternalError("stage1 is gone"));
}

TEST_F(FollowJobTest, EnoughEventsEndTheWait) {
  client_.hang = true;
  client_.events = {StepEvent(1, 9, 0), StepEvent(2, 9, 1), StepEvent(3, 9, 2)};
  follow_.on_event = [](const JobEvent& event) {
    return std::get<StepProgress>(event.what).steps_done < 2;
  };
  EXPECT_EQ(Follow()->end, FollowEnd::kEnough);
  EXPECT_THAT(out_.str(), Not(HasSubstr("\"steps_done\":3")));
}

TEST_F(FollowJobTest, ALostServiceIsAnError) {
  client_.watch_status = absl::UnavailableError("connection refused");
  EXPECT_EQ(Follow().status().code(), absl::StatusCode::kUnavailable);
}

Job EndedJob(JobState state, absl::Status error = absl::OkStatus()) {
  Job job;
  job.id = "j";
  job.state = state;
  job.error = std::move(error);
  return job;
}

TEST(ExitCodeForEndedJobTest, FollowsTheContract) {
  EXPECT_EQ(ExitCodeForEndedJob(EndedJob(JobState::kDone)), ExitCode::kOk);
  EXPECT_EQ(ExitCodeForEndedJob(EndedJob(JobState::kCancelled)),
            ExitCode::kCancelled);
  const auto failed = [](absl::Status error) {
    return ExitCodeForEndedJob(EndedJob(JobState::kFailed, std::move(error)));
  };
  EXPECT_EQ(failed(absl::InvalidArgumentError("clip")),
            ExitCode::kInvalidInput);
  EXPECT_EQ(failed(absl::NotFoundError("file")), ExitCode::kInvalidInput);
  EXPECT_EQ(failed(absl::AlreadyExistsError("other data")),
            ExitCode::kInvalidInput);
  EXPECT_EQ(failed(absl::DataLossError("truncated")), ExitCode::kInvalidInput);
  EXPECT_EQ(failed(absl::PermissionDeniedError("file")),
            ExitCode::kInvalidInput);
  EXPECT_EQ(failed(absl::FailedPreconditionError("NaN")), ExitCode::kJobFailed);
  EXPECT_EQ(failed(absl::UnavailableError("stage1 kept dying")),
            ExitCode::kJobFailed);
  EXPECT_EQ(failed(absl::ResourceExhaustedError("memory")),
            ExitCode::kJobFailed);
}

TEST(ReportEndTest, SaysWhatWasMadeOrWhatWentWrong) {
  std::ostringstream out;
  std::ostringstream err;
  CommandContext context{
      .out = out, .err = err, .environment = {}, .action = nullptr};
  Job done = EndedJob(JobState::kDone);
  done.exports = {"/out/lora.comfyui.safetensors"};
  EXPECT_EQ(ReportEnd(done, OutputFormat::kText, "/logs", context),
            ExitCode::kOk);
  EXPECT_EQ(out.str(), "LoRA: /out/lora.comfyui.safetensors\n");
  EXPECT_EQ(err.str(), "");
  const Job failed =
      EndedJob(JobState::kFailed, absl::FailedPreconditionError("loss is nan"));
  EXPECT_EQ(ReportEnd(failed, OutputFormat::kText, "/logs", context),
            ExitCode::kJobFailed);
  EXPECT_EQ(err.str(), "halfpipe: job j failed: loss is nan\n  logs: /logs\n");
}

}  // namespace
}  // namespace halfpipe
