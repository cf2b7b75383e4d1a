#include "coordinator/run/stage_group.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "coordinator/run/command_kinds.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

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

}  // namespace
}  // namespace halfpipe
