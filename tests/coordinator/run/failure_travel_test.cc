// Each kind of failure on its way from a stage, as a message, through what the
// coordinator makes of it to the job's record and to the client's message.
#include <functional>
#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/failure.h"
#include "common/jobs/failure_notes.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/stage_conversion.h"
#include "coordinator/coordinator_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

struct Case {
  FailureKind kind;
  absl::StatusCode code;
  // Whether the stage marks it; else its code says it.
  bool marked = false;
};

class TravelTest : public CoordinatorTest {
 protected:
  static CommandResult OverTheWire(const CommandResult& result) {
    const absl::StatusOr<CommandResult> back = FromProto(ToProto(result));
    EXPECT_TRUE(back.ok()) << back.status();
    return *back;
  }

  // Works as the stages do, but that stage 1 fails whenever it is to start,
  // until `done`.
  void FailStarts(const absl::Status& failure,
                  const std::function<bool()>& done) {
    for (int turn = 0; turn < 1000 && !done(); ++turn) {
      bool worked = false;
      for (int32_t rank = 0; rank < 2; ++rank) {
        const std::optional<StageCommand> command = Take(rank);
        if (!command.has_value()) continue;
        worked = true;
        FakeStage stage = stage_;
        stage.rank = rank;
        stage.write_files = true;
        CommandResult result = stage.Answer(*command);
        if (rank == 1 && std::holds_alternative<StartCommand>(command->body)) {
          result.status = failure;
          result.body = {};
        }
        Answer(rank, OverTheWire(result));
      }
      if (!worked) Pass(absl::Seconds(5));
    }
  }

  // Works until `rank` gets its next step, which is not answered.
  std::optional<StageCommand> TakeStep(int32_t rank) {
    for (int turn = 0; turn < 20; ++turn) {
      const std::optional<StageCommand> command = Take(rank);
      if (command.has_value()) {
        if (std::holds_alternative<StepCommand>(command->body)) return command;
        FakeStage stage = stage_;
        stage.rank = rank;
        stage.write_files = true;
        Answer(rank, stage.Answer(*command));
      }
      WorkOnce(1 - rank);
    }
    return std::nullopt;
  }
};

class FailureTravelTest : public TravelTest,
                          public ::testing::WithParamInterface<Case> {
 protected:
  static absl::Status FailureOfCase() {
    absl::Status status(GetParam().code, "it went wrong");
    if (GetParam().marked) MarkFailure(GetParam().kind, &status);
    return status;
  }
};

TEST_P(FailureTravelTest, ArrivesWhole) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  FailStarts(FailureOfCase(), [this] { return HasEnded(StateOf("a")); });
  const absl::StatusOr<Job> job = coordinator_->GetJob("a");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state, JobState::kFailed);
  EXPECT_EQ(job->error.code(), GetParam().code);
  EXPECT_THAT(std::string(job->error.message()), HasSubstr("it went wrong"));
  const absl::StatusOr<Job> told = FromProto(ToProto(*job));
  ASSERT_TRUE(told.ok()) << told.status();
  for (const Job& seen : {*job, *told}) {
    const std::optional<Failure> failure = FailureOf(seen.error);
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(failure->kind, GetParam().kind) << FailureKindName(failure->kind);
    EXPECT_EQ(failure->stage, 1);
    EXPECT_NE(failure->remedy, Remedy::kUnknown);
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, FailureTravelTest,
    ::testing::Values(
        Case{FailureKind::kInput, absl::StatusCode::kInvalidArgument},
        Case{FailureKind::kSetup, absl::StatusCode::kFailedPrecondition},
        Case{FailureKind::kDamagedFile, absl::StatusCode::kDataLoss},
        Case{FailureKind::kNonFinite, absl::StatusCode::kFailedPrecondition,
             true},
        Case{FailureKind::kDeviceMemory, absl::StatusCode::kResourceExhausted},
        Case{FailureKind::kHostMemory, absl::StatusCode::kResourceExhausted,
             true},
        Case{FailureKind::kPinRefused, absl::StatusCode::kResourceExhausted,
             true},
        Case{FailureKind::kNoMemoryPlan, absl::StatusCode::kResourceExhausted,
             true},
        Case{FailureKind::kDeviceFault, absl::StatusCode::kInternal, true},
        Case{FailureKind::kNccl, absl::StatusCode::kInternal, true},
        Case{FailureKind::kNccl, absl::StatusCode::kAborted, true},
        Case{FailureKind::kLink, absl::StatusCode::kAborted},
        Case{FailureKind::kStageLost, absl::StatusCode::kUnavailable},
        Case{FailureKind::kStuck, absl::StatusCode::kUnavailable, true},
        Case{FailureKind::kTimeout, absl::StatusCode::kDeadlineExceeded},
        Case{FailureKind::kStopping, absl::StatusCode::kCancelled},
        Case{FailureKind::kDiskFull, absl::StatusCode::kResourceExhausted,
             true},
        Case{FailureKind::kUndelivered, absl::StatusCode::kFailedPrecondition,
             true},
        Case{FailureKind::kInternal, absl::StatusCode::kInternal}));

// A shortage never ends a job; its wait is what the record shows.
TEST_F(TravelTest, AShortageIsWaitedFor) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  absl::Status shortage = absl::ResourceExhaustedError("too many open files");
  MarkFailure(FailureKind::kShortage, &shortage);
  FailStarts(shortage,
             [this] { return coordinator_->GetJob("a")->restarts > 6; });
  EXPECT_EQ(StateOf("a"), JobState::kPreparing);
  EXPECT_THAT(ReasonOf("a"), HasSubstr("too many open files"));
  EXPECT_TRUE(coordinator_->GetJob("a")->error.ok());
}

// Of a rollback whose stage never joins again there is one step that is not
// finite.
TEST_F(TravelTest, ARollbackWithoutItsStageIsOneStep) {
  JobSpec spec = Spec("a");
  spec.join_timeout = absl::Minutes(1);
  spec.config_yaml = absl::StrReplaceAll(
      spec.config_yaml,
      {{"micro_batches: 2", "micro_batches: 2, on_nonfinite: rollback"}});
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JoinPair("default");
  WorkToStep("a", 2);
  const std::optional<StageCommand> step = TakeStep(1);
  ASSERT_TRUE(step.has_value());
  Answer(1, OverTheWire({step->sequence,
                         step->epoch,
                         NonFiniteError("non-finite gradient norm"),
                         {}}));
  sequences_.erase({"default", Rank(1)});  // no heartbeat comes any more
  Pass(absl::Minutes(3));
  EXPECT_EQ(StateOf("a"), JobState::kFailed);
  EXPECT_THAT(ReasonOf("a"), HasSubstr("stage 1 did not join"));
  EXPECT_THAT(registry_.Text(),
              HasSubstr("halfpipe_nonfinite_steps_total 1\n"));
}

// A failure is not what its text quotes.
TEST_F(TravelTest, AFileCalledNonFiniteIsNoStep) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  FailStarts(absl::NotFoundError("/data/non-finite/nccl.mp4 is missing"),
             [this] { return HasEnded(StateOf("a")); });
  EXPECT_EQ(FailureOf(coordinator_->GetJob("a")->error)->kind,
            FailureKind::kInput);
  EXPECT_EQ(ReasonOf("a"),
            "stage 1, start: /data/non-finite/nccl.mp4 is missing");
  EXPECT_THAT(registry_.Text(),
              HasSubstr("halfpipe_nonfinite_steps_total 0\n"));
}

// A record from before there were kinds has none, and is no error.
TEST(FailureRecordTest, OfAnOlderBuildHasNoKind) {
  v1::Job message;
  message.set_id("a");
  message.set_state(v1::JOB_STATE_FAILED);
  message.mutable_error()->set_code(8);
  message.mutable_error()->set_message("stage 1, start: out of host memory");
  const absl::StatusOr<Job> job = FromProto(message);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->error.message(), "stage 1, start: out of host memory");
  EXPECT_EQ(FailureOf(job->error), std::nullopt);
}

// One of a newer build has a kind that this one does not know.
TEST(FailureRecordTest, OfANewerBuildIsUnknown) {
  v1::Job message;
  message.set_state(v1::JOB_STATE_FAILED);
  message.mutable_error()->set_code(8);
  v1::Failure* failure = message.mutable_error()->mutable_failure();
  failure->set_kind(static_cast<v1::FailureKind>(999));
  failure->set_remedy(static_cast<v1::Remedy>(999));
  failure->set_stage(1);
  const absl::StatusOr<Job> job = FromProto(message);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(FailureOf(job->error), Failure{.stage = 1});
}

}  // namespace
}  // namespace halfpipe
