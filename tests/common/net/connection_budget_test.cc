#include "common/net/connection_budget.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

const PeerAddress kHere{
    .text = "127.0.0.1:1", .machine = "127.0.0.1", .is_local = true};
const PeerAddress kA{.text = "192.0.2.1:1", .machine = "192.0.2.1"};
const PeerAddress kB{.text = "192.0.2.2:1", .machine = "192.0.2.2"};

ConnectionBudget::Time At(int seconds) {
  return ConnectionBudget::Time() + std::chrono::seconds(seconds);
}

constexpr ConnectionLimits kLimits{.in_all = 6,
                                   .per_machine = 3,
                                   .unproven_in_all = 4,
                                   .unproven_per_machine = 2,
                                   .time_to_prove = std::chrono::seconds(20),
                                   .lifetime = std::chrono::seconds(60)};

TEST(ConnectionBudgetTest, TheOldestUnprovenOfAMachineGivesWayToItsNext) {
  ConnectionBudget budget(kLimits);
  EXPECT_TRUE(budget.Admit(0, kA, At(0)).admitted);
  EXPECT_TRUE(budget.Admit(1, kB, At(0)).admitted);
  EXPECT_TRUE(budget.Admit(2, kA, At(0)).admitted);
  const auto third = budget.Admit(3, kA, At(0));
  EXPECT_TRUE(third.admitted);
  EXPECT_THAT(third.gives_way, Optional(0));
  EXPECT_EQ(budget.in_all(), 3);
}

TEST(ConnectionBudgetTest, ProvenOnesStay) {
  ConnectionBudget budget(kLimits);
  for (int id = 0; id < 3; ++id) {
    EXPECT_TRUE(budget.Admit(id, kA, At(0)).admitted);
    budget.Prove(id);
  }
  // A machine has its share...
  const auto more = budget.Admit(3, kA, At(0));
  EXPECT_FALSE(more.admitted);
  EXPECT_EQ(more.gives_way, std::nullopt);
  // ... and others have theirs.
  for (int id = 4; id < 7; ++id) {
    EXPECT_TRUE(budget.Admit(id, kB, At(0)).admitted);
    budget.Prove(id);
  }
  EXPECT_FALSE(budget.Admit(7, kHere, At(0)).admitted);
  budget.Remove(4);
  EXPECT_TRUE(budget.Admit(8, kHere, At(0)).admitted);
}

TEST(ConnectionBudgetTest, SilentOnesLeaveRoomForWhoComes) {
  ConnectionBudget budget(kLimits);
  EXPECT_TRUE(budget.Admit(0, kHere, At(0)).admitted);
  budget.Prove(0);
  for (int id = 1; id < 1000; ++id) {
    EXPECT_TRUE(budget.Admit(id, kHere, At(0)).admitted);
    EXPECT_LE(budget.unproven(), 4);
  }
  EXPECT_EQ(budget.in_all(), 5);
  budget.Prove(999);
  EXPECT_EQ(budget.unproven(), 3);
}

TEST(ConnectionBudgetTest, WhoHasHisAnswerLeavesSoon) {
  ConnectionBudget budget(kLimits);
  for (int id = 0; id < 2; ++id) {
    EXPECT_TRUE(budget.Admit(id, kHere, At(0)).admitted);
    budget.Prove(id);
  }
  budget.LetGo(1, At(5));
  budget.LetGo(7, At(5));  // nobody
  EXPECT_THAT(budget.TakeOverdue(At(6)), IsEmpty());
  EXPECT_THAT(budget.TakeOverdue(At(7)), ElementsAre(1));
  EXPECT_EQ(budget.in_all(), 1);
}

TEST(ConnectionBudgetTest, ThisMachineHasNoShareOfItsOwn) {
  ConnectionBudget budget(kLimits);
  for (int id = 0; id < 6; ++id) {
    EXPECT_TRUE(budget.Admit(id, kHere, At(0)).admitted) << id;
    budget.Prove(id);
  }
}

TEST(ConnectionBudgetTest, WhereProvenOnesGiveWayTheOldestDoes) {
  ConnectionLimits limits = kLimits;
  limits.proven_give_way = true;
  ConnectionBudget budget(limits);
  for (int id = 0; id < 6; ++id) {
    EXPECT_TRUE(budget.Admit(id, kHere, At(0)).admitted);
    budget.Prove(id);
  }
  EXPECT_THAT(budget.Admit(6, kHere, At(0)).gives_way, Optional(0));
}

TEST(ConnectionBudgetTest, TimeEndsThoseThatProveNothing) {
  ConnectionBudget budget(kLimits);
  ASSERT_TRUE(budget.Admit(0, kA, At(0)).admitted);
  ASSERT_TRUE(budget.Admit(1, kA, At(5)).admitted);
  budget.Prove(0);
  EXPECT_THAT(budget.TakeOverdue(At(24)), IsEmpty());
  EXPECT_THAT(budget.TakeOverdue(At(25)), ElementsAre(1));
  EXPECT_THAT(budget.TakeOverdue(At(59)), IsEmpty());
  EXPECT_THAT(budget.TakeOverdue(At(60)), ElementsAre(0));
  EXPECT_EQ(budget.in_all(), 0);
}

TEST(ConnectionBudgetTest, WhereDescriptorsRunOutTheOldestUnprovenGoes) {
  ConnectionBudget budget(kLimits);
  ASSERT_TRUE(budget.Admit(0, kA, At(0)).admitted);
  ASSERT_TRUE(budget.Admit(1, kA, At(0)).admitted);
  budget.Prove(0);
  EXPECT_THAT(budget.GiveWay(), Optional(1));
  EXPECT_EQ(budget.GiveWay(), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
