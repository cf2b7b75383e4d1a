#include "coordinator/run/stage_group.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordinator/job_runner_fixture.h"
#include "coordinator/run/command_kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Numbers the commands of each stage from 1.
class Queues : public CommandQueues {
 public:
  int64_t Send(Rank rank, CommandBody body) override {
    std::vector<CommandBody>& queue = sent[rank.value()];
    queue.push_back(std::move(body));
    return static_cast<int64_t>(queue.size());
  }

  int64_t Retract(Rank rank) override { return delivered[rank.value()]; }

  absl::StatusOr<Epoch> NewEpoch() override {
    if (!error.ok()) return error;
    return Epoch(++epochs);
  }

  std::map<int32_t, std::vector<CommandBody>> sent;
  std::map<int32_t, int64_t> delivered;
  int64_t epochs = 0;
  absl::Status error;
};

StageInfo InfoOf(int32_t rank) {
  StageInfo info;
  info.rank = Rank(rank);
  return info;
}

class StageGroupTest : public ::testing::TestWithParam<int32_t> {
 protected:
  void JoinAll() {
    for (int32_t rank = 0; rank < GetParam(); ++rank) {
      group_.Join(InfoOf(rank));
    }
  }

  Rank last() const { return Rank(GetParam() - 1); }

  static CommandResult Answer(int64_t sequence) {
    CommandResult result;
    result.sequence = sequence;
    return result;
  }

  Queues queues_;
  StageGroup group_{GetParam(), &queues_};
};

TEST_P(StageGroupTest, SaysWhoIsMissing) {
  EXPECT_EQ(group_.world(), GetParam());
  EXPECT_TRUE(group_.Contains(last()));
  EXPECT_FALSE(group_.Contains(Rank(GetParam())));
  EXPECT_FALSE(group_.Contains(Rank(-1)));
  std::string all = "stage 0";
  for (int32_t rank = 1; rank < GetParam(); ++rank) {
    all += " and stage " + std::to_string(rank);
  }
  EXPECT_EQ(group_.Missing(), all);
  JoinAll();
  EXPECT_EQ(group_.Missing(), "");
  EXPECT_EQ(group_.OnlyMissing(), std::nullopt);
  EXPECT_EQ(group_.Infos().size(), static_cast<size_t>(GetParam()));

  EXPECT_TRUE(group_.Leave(last()));
  EXPECT_FALSE(group_.Leave(last()));
  EXPECT_EQ(group_.info(last()), nullptr);
  EXPECT_EQ(group_.OnlyMissing(), last().value());
  if (GetParam() > 1) {
    (void)group_.Leave(Rank(0));
    EXPECT_EQ(group_.OnlyMissing(), std::nullopt);
  }
}

TEST_P(StageGroupTest, EachAnswersItsCommandsInTheirOrder) {
  JoinAll();
  group_.SendAll(ScanCommand{});
  group_.SendAll(StepCommand{}, 7);
  EXPECT_FALSE(group_.AllAnswered());
  for (int32_t rank = 0; rank < GetParam(); ++rank) {
    EXPECT_EQ(group_.unanswered(Rank(rank)), 2);
    EXPECT_EQ(group_.MatchResult(Rank(rank), Answer(2)), std::nullopt);
    EXPECT_EQ(group_.running(Rank(rank))->kind, kScanKind);
    EXPECT_EQ(group_.MatchResult(Rank(rank), Answer(1))->kind, kScanKind);
    // The same one again.
    EXPECT_EQ(group_.MatchResult(Rank(rank), Answer(1)), std::nullopt);
    EXPECT_EQ(group_.running(Rank(rank))->step, 7);
  }
  for (int32_t rank = 0; rank < GetParam(); ++rank) {
    EXPECT_FALSE(group_.AllAnswered());
    EXPECT_TRUE(group_.MatchResult(Rank(rank), Answer(2)).has_value());
    EXPECT_EQ(group_.running(Rank(rank)), nullptr);
  }
  EXPECT_TRUE(group_.AllAnswered());
}

TEST_P(StageGroupTest, TakesBackWhatWasNotDelivered) {
  JoinAll();
  for (int step = 0; step < 3; ++step) group_.SendAll(StepCommand{}, step);
  queues_.delivered[last().value()] = 1;
  group_.Retract(last());
  EXPECT_EQ(group_.unanswered(last()), 1);
  EXPECT_EQ(group_.running(last())->step, 0);
  EXPECT_EQ(group_.unanswered(Rank(0)), GetParam() > 1 ? 3 : 1);
}

TEST_P(StageGroupTest, NewEpochVoidsWhatWasSent) {
  JoinAll();
  ASSERT_TRUE(group_.NewEpoch().ok());
  group_.SendAll(SaveCommand{});
  ASSERT_TRUE(group_.NewEpoch().ok());
  EXPECT_EQ(group_.epoch(), Epoch(2));
  EXPECT_EQ(group_.last_epoch(), Epoch(1));
  EXPECT_TRUE(group_.AllAnswered());
  EXPECT_TRUE(group_.WasVoided(last(), 1, kSaveKind));
  EXPECT_FALSE(group_.WasVoided(last(), 1, kStepKind));
  EXPECT_FALSE(group_.WasVoided(last(), 2, kSaveKind));

  queues_.error = absl::UnavailableError("no disk");
  EXPECT_TRUE(absl::IsUnavailable(group_.NewEpoch()));
  EXPECT_EQ(group_.epoch(), Epoch(2));
}

TEST_P(StageGroupTest, KnowsWhatEachHolds) {
  StageInfo info = InfoOf(last().value());
  info.loaded = std::make_shared<LoadedJob>(LoadedJob{{}, 5});
  group_.Join(info);
  EXPECT_EQ(group_.held(last())->steps_done, 5);
  group_.SetHeld(last(), LoadedJob{{}, 6});
  EXPECT_EQ(group_.held(last())->steps_done, 6);
  group_.ForgetHeld();
  EXPECT_EQ(group_.held(last()), std::nullopt);
  // Another process of the place holds nothing.
  group_.SetHeld(last(), LoadedJob{{}, 6});
  group_.Join(InfoOf(last().value()));
  EXPECT_EQ(group_.held(last()), std::nullopt);
}

TEST_P(StageGroupTest, EndGoesToThoseThatAreThere) {
  JoinAll();
  (void)group_.Leave(last());
  group_.SendEnd("cancel");
  EXPECT_TRUE(queues_.sent[last().value()].empty());
  for (int32_t rank = 0; rank + 1 < GetParam(); ++rank) {
    ASSERT_EQ(queues_.sent[rank].size(), 1U);
    EXPECT_TRUE(std::holds_alternative<EndCommand>(queues_.sent[rank][0]));
  }
  EXPECT_TRUE(group_.AllAnswered());
}

TEST_P(StageGroupTest, HeartbeatSaysWhatTheDeviceHas) {
  JoinAll();
  StageHeartbeat heartbeat;
  heartbeat.device_total_bytes = 80;
  group_.OnHeartbeat(last(), heartbeat);
  EXPECT_EQ(group_.device_total_bytes(last()), 80);
  EXPECT_EQ(group_.device_total_bytes(Rank(0)), GetParam() > 1 ? 0 : 80);
}

INSTANTIATE_TEST_SUITE_P(Stages, StageGroupTest, ::testing::Values(1, 2, 3, 4));

// A job of three stages and of four, which no user can ask for yet.
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
