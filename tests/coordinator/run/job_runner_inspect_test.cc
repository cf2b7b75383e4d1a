// What a check does behind a good scan: both stages look at the clips.
#include <map>
#include <string>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class InspectTest : public JobRunnerTest {
 protected:
  static JobPlan CheckPlan() {
    JobPlan plan = MakePlan();
    plan.kind = JobKind::kCheck;
    return plan;
  }

  // The scan ends; what each stage is to look at then.
  std::map<int32_t, EncodeCommand> ScanAndTake(const JobPlan& plan) {
    Start(plan);
    Deliver(0, stages_[0].Answer(*Take(0)));
    std::map<int32_t, EncodeCommand> asked;
    for (int32_t rank = 0; rank < 2; ++rank) {
      commands_[rank] = Take(rank);
      if (!commands_[rank].has_value()) continue;
      if (const auto* encode =
              std::get_if<EncodeCommand>(&commands_[rank]->body)) {
        asked[rank] = *encode;
      }
    }
    return asked;
  }

  void Answer(int32_t rank, const EncodeResult& result) {
    Deliver(rank, {commands_[rank]->sequence, commands_[rank]->epoch,
                   absl::OkStatus(), result});
  }

  std::map<int32_t, std::optional<StageCommand>> commands_;
};

TEST_F(InspectTest, BothStagesLookAtTheirShare) {
  const auto asked = ScanAndTake(CheckPlan());
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_TRUE(asked.at(0).inspect);
  EXPECT_TRUE(asked.at(1).inspect);
  EXPECT_EQ(asked.at(0).samples.size() + asked.at(1).samples.size(), 3u);
  Answer(0, {});
  EXPECT_EQ(host_.state, JobState::kPreparing);
  Answer(1, {});
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.reason, "no problems found");
  EXPECT_THAT(host_.warnings, IsEmpty());
}

TEST_F(InspectTest, QuickLooksAtNone) {
  JobPlan plan = CheckPlan();
  plan.quick = true;
  EXPECT_THAT(ScanAndTake(plan), IsEmpty());
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.reason, HasSubstr("no problems found"));
  EXPECT_THAT(host_.reason, HasSubstr("--quick"));
}

TEST_F(InspectTest, WhatIsInTheCacheIsNotDecodedAgain) {
  stages_[0].cached = true;
  EXPECT_THAT(ScanAndTake(CheckPlan()), IsEmpty());
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.reason,
              AllOf(HasSubstr("no problems found"),
                    HasSubstr("3 of 3 samples are in the cache")));
}

TEST_F(InspectTest, EveryBadClipOfBothStagesIsNamed) {
  ScanAndTake(CheckPlan());
  Answer(0, {.rejected = {"b.mp4: has 3 frames; at least 5 are needed"},
             .rejected_paths = {"/cache/0.latents"}});
  Answer(1, {.rejected = {"a.mp4: truncated"},
             .rejected_paths = {"/cache/1.latents"}});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_TRUE(absl::IsInvalidArgument(host_.error));
  EXPECT_THAT(host_.error.message(),
              AllOf(HasSubstr("2 of 3 samples cannot be used"),
                    HasSubstr("a.mp4: truncated\nb.mp4: has 3 frames")));
}

// A run goes on without them, so a check has no more to say either.
TEST_F(InspectTest, SkippedClipsAreWarnings) {
  JobPlan plan = CheckPlan();
  plan.config.data.on_bad_file = BadFilePolicy::kSkip;
  ScanAndTake(plan);
  Answer(0, {.rejected = {"b.mp4: truncated"},
             .rejected_paths = {"/cache/0.latents"}});
  Answer(1, {});
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("b.mp4: truncated")));
}

TEST_F(InspectTest, TheShortestClipIsNamed) {
  JobPlan plan = CheckPlan();
  plan.config.data.frames = 81;
  ScanAndTake(plan);
  Answer(0, {.rejected = {}, .short_clips = {{"/data/long.mp4", 77}}});
  Answer(1, {.rejected = {}, .short_clips = {{"/data/short.mp4", 17}}});
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.warnings,
              ElementsAre("2 of 3 samples give fewer frames than data.frames "
                          "(81): the shortest, /data/short.mp4, gives 17"));
}

// The same sentence from a run, which finds it while it encodes.
TEST_F(InspectTest, ARunNamesTheShortestClipToo) {
  JobPlan plan = MakePlan();
  plan.config.data.frames = 81;
  const auto asked = ScanAndTake(plan);
  EXPECT_FALSE(asked.at(0).inspect);
  Answer(0, {.rejected = {}, .short_clips = {{"/data/short.mp4", 17}}});
  Answer(1, {});
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("/data/short.mp4")));
}

TEST_F(InspectTest, SaysHowFarItIs) {
  ScanAndTake(CheckPlan());
  StageHeartbeat heartbeat;
  heartbeat.epoch = runner_->epoch();
  heartbeat.sequence = commands_[0]->sequence;
  heartbeat.progress = {StageWork::kLookingAtClips, 1, 2};
  runner_->OnHeartbeat(Rank(0), heartbeat, now_);
  EXPECT_THAT(host_.encodings, ElementsAre(0, 1));
  Answer(0, {});
  Answer(1, {});
  EXPECT_THAT(host_.encodings, ElementsAre(0, 1, 3));
}

class ProblemsTest : public InspectTest,
                     public ::testing::WithParamInterface<JobKind> {
 protected:
  // Two rows are wrong, and the clips of three others can be looked at.
  std::map<int32_t, EncodeCommand> ScanWithProblems(JobPlan plan) {
    plan.kind = GetParam();
    stages_[0].problems = absl::InvalidArgumentError(
        "metadata.csv:3: has no prompt\nmetadata.csv:4: x.mp4 does not exist");
    return ScanAndTake(plan);
  }
};

TEST_P(ProblemsTest, AreNamedWithWhatOnlyTheClipsShow) {
  const auto asked = ScanWithProblems(MakePlan());
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_TRUE(asked.at(0).inspect);
  EXPECT_TRUE(asked.at(1).inspect);
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("metadata.csv:3")));
  Answer(0, {.rejected = {"b.mp4: truncated", "metadata.csv:3: has no prompt"},
             .rejected_paths = {"", ""}});
  Answer(1, {});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_TRUE(absl::IsInvalidArgument(host_.error));
  EXPECT_EQ(host_.error.message(),
            "stage 0, scan: metadata.csv:3: has no prompt\n"
            "metadata.csv:4: x.mp4 does not exist\n"
            "1 of 3 samples cannot be used; mend them or take them out of the "
            "data set:\nb.mp4: truncated");
}

TEST_P(ProblemsTest, AreAllWhereTheClipsAreSound) {
  ScanWithProblems(MakePlan());
  Answer(0, {});
  EXPECT_EQ(host_.state, JobState::kPreparing);
  Answer(1, {});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.message(),
            "stage 0, scan: metadata.csv:3: has no prompt\n"
            "metadata.csv:4: x.mp4 does not exist");
}

TEST_P(ProblemsTest, DoNotCountClipsThatWouldBeSkipped) {
  JobPlan plan = MakePlan();
  plan.config.data.on_bad_file = BadFilePolicy::kSkip;
  ScanWithProblems(plan);
  Answer(0, {.rejected = {"b.mp4: truncated"}, .rejected_paths = {""}});
  Answer(1, {});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), Not(HasSubstr("b.mp4")));
}

TEST_P(ProblemsTest, OutliveADecoderThatCannotRun) {
  ScanWithProblems(MakePlan());
  Deliver(
      0, {commands_[0]->sequence, commands_[0]->epoch,
          absl::FailedPreconditionError("no halfpipe-decode"), EncodeResult{}});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), AllOf(HasSubstr("metadata.csv:3"),
                                           HasSubstr("no halfpipe-decode")));
}

INSTANTIATE_TEST_SUITE_P(EveryKind, ProblemsTest,
                         ::testing::Values(JobKind::kTrain, JobKind::kPrepare,
                                           JobKind::kCheck));

TEST_F(InspectTest, QuickNamesWhatTheScanFound) {
  JobPlan plan = CheckPlan();
  plan.quick = true;
  stages_[0].problems = absl::NotFoundError("model.vae: no such file");
  EXPECT_THAT(ScanAndTake(plan), IsEmpty());
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_TRUE(absl::IsNotFound(host_.error));
  EXPECT_THAT(host_.error.message(), HasSubstr("model.vae: no such file"));
}

// A stage that dies costs a check nothing but time.
TEST_F(InspectTest, ALostStageBeginsTheCheckAgain) {
  ScanAndTake(CheckPlan());
  Kill(1);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.reason, "no problems found");
}

}  // namespace
}  // namespace halfpipe
