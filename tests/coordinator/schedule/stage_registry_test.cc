#include "coordinator/schedule/stage_registry.h"

#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const StagePlace kPlace0{"default", Rank(0)};

absl::Time At(double seconds) {
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

class StageRegistryTest : public ::testing::Test {
 protected:
  StageRegistryTest()
      : registry_({absl::Seconds(10),
                   [this](const std::string&, int64_t) { return gone_; }}) {}

  bool gone_ = false;
  StageRegistry registry_;
};

TEST_F(StageRegistryTest, ASecondLiveProcessIsRefusedAndNamed) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  const absl::Status second =
      registry_.Register(MakeStageInfo(0, 2), At(9)).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.message(), HasSubstr("process 100 on here"));
  // The other rank and another pair are free.
  EXPECT_TRUE(registry_.Register(MakeStageInfo(1, 2), At(9)).ok());
  StageInfo other = MakeStageInfo(0, 3);
  other.pair = "other";
  EXPECT_TRUE(registry_.Register(other, At(9)).ok());
  EXPECT_THAT(registry_.Pairs(), ElementsAre("default", "other"));
}

TEST_F(StageRegistryTest, AStageOfAnotherVersionIsRefusedAndBothAreNamed) {
  StageRegistry registry({.version = "1.2.0"});
  StageInfo info = MakeStageInfo(0, 1);
  // Before 1.0.0 stages said nothing of a version.
  for (const char* version : {"", "1.1.9", "1.2.0+1"}) {
    info.version = version;
    const absl::Status refused = registry.Register(info, At(0)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << version;
    EXPECT_THAT(refused.message(), HasSubstr("version 1.2.0"));
    EXPECT_THAT(refused.message(), HasSubstr("install the same version"));
  }
  info.version = "1.2.0";
  info.protocol = kStageProtocol + 1;
  EXPECT_TRUE(
      absl::IsFailedPrecondition(registry.Register(info, At(0)).status()));
  EXPECT_THAT(registry.Pairs(), IsEmpty());
  info.protocol = kStageProtocol;
  EXPECT_TRUE(registry.Register(info, At(0)).ok());
}

TEST_F(StageRegistryTest, AnExpiredLeaseGivesThePlaceAway) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  ASSERT_TRUE(registry_.Renew(kPlace0, 1, At(5)).ok());
  EXPECT_THAT(registry_.RemoveLost(At(15)), IsEmpty());
  EXPECT_THAT(registry_.RemoveLost(At(15.1)), ElementsAre(kPlace0));
  EXPECT_TRUE(registry_.Register(MakeStageInfo(0, 2), At(16)).ok());
  // The old incarnation is not let in again.
  EXPECT_EQ(registry_.Renew(kPlace0, 1, At(16)).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(StageRegistryTest, ADeadProcessLosesItsLeaseAtOnce) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  gone_ = true;
  EXPECT_THAT(registry_.RemoveLost(At(0.1)), ElementsAre(kPlace0));
}

TEST_F(StageRegistryTest, AProcessOutOfSightHasItsLease) {
  gone_ = true;
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  EXPECT_THAT(registry_.RemoveLost(At(9.9)), IsEmpty());
  EXPECT_FALSE(registry_.Register(MakeStageInfo(0, 2), At(9.9)).ok());
  EXPECT_THAT(registry_.RemoveLost(At(10.1)), ElementsAre(kPlace0));
}

TEST_F(StageRegistryTest, TimeInWhichNobodyCouldAnswerDoesNotCount) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  registry_.ExtendLeases(absl::Seconds(60));
  EXPECT_THAT(registry_.RemoveLost(At(65)), IsEmpty());
}

TEST_F(StageRegistryTest, WhatIsFreeIsWhatTheLastHeartbeatSaid) {
  StageInfo info = MakeStageInfo(0, 1);
  info.host_available_bytes = 100;
  ASSERT_TRUE(registry_.Register(info, At(0)).ok());
  StageHeartbeat heartbeat;
  ASSERT_TRUE(registry_.OnHeartbeat(kPlace0, 1, heartbeat, At(1)).ok());
  EXPECT_EQ(registry_.Find(kPlace0)->host_available_bytes, 100);
  heartbeat.host_available_bytes = 60;
  heartbeat.device_free_change_bytes = -7;
  ASSERT_TRUE(registry_.OnHeartbeat(kPlace0, 1, heartbeat, At(2)).ok());
  EXPECT_EQ(registry_.Find(kPlace0)->host_available_bytes, 60);
  EXPECT_EQ(registry_.Find(kPlace0)->device_free_change_bytes, -7);
}

TEST_F(StageRegistryTest, AStepThatThePeerNeverBeganWaitsInVain) {
  const StagePlace place1{"default", Rank(1)};
  StageHeartbeat heartbeat;
  heartbeat.step = Step(4);
  heartbeat.action_index = 7;
  EXPECT_FALSE(registry_.WaitsInVain(place1, heartbeat));
  StageInfo peer = MakeStageInfo(0);
  ASSERT_TRUE(registry_.Register(peer, At(0)).ok());
  EXPECT_FALSE(registry_.WaitsInVain(place1, heartbeat)) << "a new process";
  LoadedJob loaded;
  loaded.steps_done = 4;
  peer.loaded = std::make_shared<LoadedJob>(loaded);
  ASSERT_TRUE(registry_.Register(peer, At(0)).ok());
  EXPECT_TRUE(registry_.WaitsInVain(place1, heartbeat));
  heartbeat.step = Step(3);
  EXPECT_FALSE(registry_.WaitsInVain(place1, heartbeat)) << "the peer did it";
  heartbeat.step = Step(4);
  heartbeat.action_index = -1;
  EXPECT_FALSE(registry_.WaitsInVain(place1, heartbeat)) << "in no step";
  heartbeat.action_index = 7;
  ASSERT_TRUE(registry_.Register(MakeStageInfo(1), At(0)).ok());
  EXPECT_FALSE(registry_.WaitsInVain(place1, heartbeat)) << "registered";
}

TEST_F(StageRegistryTest, APairHasAsManyStagesAsItsTableHasRows) {
  StageRegistry registry({.stages_of_pair = 3});
  StageInfo last = MakeStageInfo(2);
  LoadedJob loaded;
  loaded.steps_done = 4;
  last.loaded = std::make_shared<LoadedJob>(loaded);
  ASSERT_TRUE(registry.Register(last, At(0)).ok());
  ASSERT_TRUE(registry.Register(MakeStageInfo(0), At(0)).ok());
  StageInfo other = MakeStageInfo(0);
  other.pair = "other";
  ASSERT_TRUE(registry.Register(other, At(0)).ok());
  EXPECT_THAT(registry.Register(MakeStageInfo(3), At(0)).status().message(),
              HasSubstr("rank 0 or 1 or 2 of a named pair, found rank 3"));
  std::vector<int32_t> ranks;
  for (const StageInfo& stage : registry.StagesOf("default")) {
    ranks.push_back(stage.rank.value());
  }
  EXPECT_THAT(ranks, ElementsAre(0, 2));
  EXPECT_THAT(registry.StagesOf("none"), IsEmpty());
  StageHeartbeat heartbeat;
  heartbeat.step = Step(4);
  heartbeat.action_index = 7;
  EXPECT_TRUE(registry.WaitsInVain({"default", Rank(1)}, heartbeat));
}

TEST_F(StageRegistryTest, APairsCommandsAreTakenBackAtOnce) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0), At(0)).ok());
  ASSERT_TRUE(registry_.Register(MakeStageInfo(1), At(0)).ok());
  const StagePlace place1{"default", Rank(1)};
  registry_.Push(kPlace0, Epoch(1), ScanCommand{});
  registry_.Push(place1, Epoch(1), ScanCommand{});
  registry_.RetractAll("other");
  EXPECT_TRUE(registry_.Next(kPlace0, 0).has_value());
  registry_.RetractAll("default");
  EXPECT_TRUE(registry_.Next(kPlace0, 0).has_value()) << "it was delivered";
  EXPECT_FALSE(registry_.Next(place1, 0).has_value());
}

TEST_F(StageRegistryTest, RanksAndNamesAreChecked) {
  EXPECT_EQ(registry_.Register(MakeStageInfo(2), At(0)).status().code(),
            absl::StatusCode::kInvalidArgument);
  StageInfo nameless = MakeStageInfo(0);
  nameless.pair = "";
  EXPECT_EQ(registry_.Register(nameless, At(0)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(StageRegistryTest, CommandsComeInOrderAndAgainUntilTheyAreAnswered) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  EXPECT_FALSE(registry_.Next(kPlace0, 0).has_value());
  EXPECT_EQ(registry_.Push(kPlace0, Epoch(4), ScanCommand{"a"}), 1);
  EXPECT_EQ(registry_.Push(kPlace0, Epoch(4), EndCommand{"b"}), 2);
  EXPECT_EQ(registry_.Next(kPlace0, 0)->sequence, 1);
  EXPECT_EQ(registry_.Next(kPlace0, 0)->sequence, 1);
  const auto second = registry_.Next(kPlace0, 1);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->epoch, Epoch(4));
  EXPECT_TRUE(std::holds_alternative<EndCommand>(second->body));
  EXPECT_FALSE(registry_.Next(kPlace0, 2).has_value());
}

TEST_F(StageRegistryTest, RetractLeavesWhatTheStageHas) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(0, 1), At(0)).ok());
  registry_.Push(kPlace0, Epoch(1), ScanCommand{});
  registry_.Push(kPlace0, Epoch(1), ScanCommand{});
  ASSERT_TRUE(registry_.Next(kPlace0, 0).has_value());
  EXPECT_EQ(registry_.Retract(kPlace0), 1);
  EXPECT_EQ(registry_.Push(kPlace0, Epoch(2), EndCommand{}), 2);
  EXPECT_EQ(registry_.Next(kPlace0, 1)->epoch, Epoch(2));
}

TEST_F(StageRegistryTest, RegisteringAgainStartsAtSequenceOne) {
  EXPECT_EQ(registry_.Register(MakeStageInfo(0, 1), At(0)).value(), false);
  registry_.Push(kPlace0, Epoch(1), ScanCommand{});
  EXPECT_EQ(registry_.Register(MakeStageInfo(0, 1), At(1)).value(), true);
  EXPECT_FALSE(registry_.Next(kPlace0, 0).has_value());
  EXPECT_EQ(registry_.Push(kPlace0, Epoch(2), ScanCommand{}), 1);
}

TEST_F(StageRegistryTest, StatesCarryTheLastHeartbeat) {
  ASSERT_TRUE(registry_.Register(MakeStageInfo(1, 1), At(0)).ok());
  StageHeartbeat heartbeat;
  heartbeat.activity = "encoding 3/12";
  heartbeat.device_bytes_in_use = 5;
  ASSERT_TRUE(
      registry_.OnHeartbeat({"default", Rank(1)}, 2, heartbeat, At(3)).ok());
  const std::vector<StageState> states = registry_.States(At(4));
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].activity, "encoding 3/12");
  EXPECT_EQ(states[0].device_bytes_in_use, 5);
  EXPECT_EQ(states[0].silent, absl::Seconds(1));
}

}  // namespace
}  // namespace halfpipe
