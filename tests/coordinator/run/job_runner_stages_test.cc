// A job of three stages and of four, which no user can ask for yet.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ManyStagesTest : public JobRunnerTest,
                       public ::testing::WithParamInterface<int32_t> {
 protected:
  JobPlan PlanOfAll() const {
    JobPlan plan = MakePlan();
    plan.config.pipeline.stages = GetParam();
    return plan;
  }

  std::vector<StageInfo> Infos() const {
    std::vector<StageInfo> infos;
    for (int32_t rank = 0; rank < GetParam(); ++rank) {
      infos.push_back(MakeStageInfo(rank));
    }
    return infos;
  }

  size_t stages() const { return static_cast<size_t>(GetParam()); }

  int32_t last() const { return GetParam() - 1; }
};

TEST_P(ManyStagesTest, RunsAJobToItsEnd) {
  Start(PlanOfAll(), {}, Infos());
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_EQ(host_.ranks_reported, std::vector<size_t>(6, stages()));
  EXPECT_THAT(host_.steps.back().stages, SizeIs(stages()));
  const CheckpointManifest& manifest = ledger_.manifests.at("/out/step-4");
  EXPECT_EQ(manifest.stages, GetParam());
  // A shard of each stage, two formats, and the list of samples.
  EXPECT_THAT(manifest.files, SizeIs(stages() + 3));
  EXPECT_EQ(host_.restarts, 0);
}

TEST_P(ManyStagesTest, RankZeroOpensALinkBehindEachStage) {
  Start(PlanOfAll(), {}, Infos());
  const auto open = WorkUntil<OpenLinkCommand>(0);
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(std::get<OpenLinkCommand>(open->body).links, GetParam());
  Deliver(0, stages_[0].Answer(*open));
  for (int32_t rank = 0; rank < GetParam(); ++rank) {
    const auto start = Take(rank);
    ASSERT_TRUE(start.has_value());
    const auto& body = std::get<StartCommand>(start->body);
    EXPECT_EQ(body.world, GetParam());
    EXPECT_EQ(body.rendezvous, std::string("\0\xffid", 4));
    EXPECT_THAT(body.further_rendezvous, SizeIs(stages() - 1));
    EXPECT_EQ(body.further_rendezvous.back(),
              absl::StrCat("link ", GetParam() - 1));
    EXPECT_THAT(body.schedule, SizeIs(stages()));
    EXPECT_THAT(body.schedule, Each(HasSubstr("NORM STEP")));
    EXPECT_THAT(body.memory_plan, SizeIs(stages()));
    EXPECT_THAT(body.ffn_chunks, SizeIs(stages()));
  }
}

TEST_P(ManyStagesTest, AStepIsDoneOnceTheLastStageHasReportedIt) {
  Start(PlanOfAll(), {}, Infos());
  const auto held = HoldStep(0);
  for (int32_t rank = last(); rank >= 0; --rank) {
    EXPECT_THAT(host_.steps, IsEmpty());
    const auto index = static_cast<size_t>(rank);
    Deliver(rank, stages_[index].Answer(held[index]));
  }
  EXPECT_THAT(host_.steps, SizeIs(1));
}

TEST_P(ManyStagesTest, WhicheverStageIsLostTheJobGoesOn) {
  for (int32_t lost = 0; lost < GetParam(); ++lost) {
    SCOPED_TRACE(absl::StrCat("stage ", lost));
    host_ = FakeHost();
    ledger_ = FakeLedger();
    Start(PlanOfAll(), {}, Infos());
    (void)HoldStep(3);
    Kill(lost);
    Work();
    EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
    EXPECT_EQ(host_.restarts, 1);
    EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  }
}

TEST_P(ManyStagesTest, StagesThatDisagreeOnWhatCrossesAreNamed) {
  Start(PlanOfAll(), {}, Infos());
  const auto start = WorkUntil<StartCommand>(last());
  ASSERT_TRUE(start.has_value());
  CommandResult result = stages_[static_cast<size_t>(last())].Answer(*start);
  std::get<StartResult>(result.body).boundary_digest = "another";
  Deliver(last(), result);
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(),
              HasSubstr(absl::StrCat("stage ", last(), ": another")));
}

TEST_P(ManyStagesTest, AllOfThemEncodeAShare) {
  stages_[0].samples = 8;
  Start(PlanOfAll(), {}, Infos());
  Deliver(0, stages_[0].Answer(*Take(0)));
  std::set<std::string> encoded;
  for (int32_t rank = 0; rank < GetParam(); ++rank) {
    const auto command = Take(rank);
    ASSERT_TRUE(command.has_value());
    for (const SampleRef& sample :
         std::get<EncodeCommand>(command->body).samples) {
      encoded.insert(sample.latents_path);
    }
  }
  EXPECT_THAT(encoded, SizeIs(8));
}

INSTANTIATE_TEST_SUITE_P(ThreeAndFour, ManyStagesTest, ::testing::Values(3, 4));

}  // namespace
}  // namespace halfpipe
