#include "coordinator/page/job_actions.h"

#include <algorithm>

#include "coordinator/coordinator_fixture.h"
#include "coordinator/store/job_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(JobActionsTest, WhoMaySubmitMayAct) {
  EXPECT_TRUE(MayAct(Role::kSubmit));
  EXPECT_TRUE(MayAct(Role::kAdmin));
  EXPECT_FALSE(MayAct(Role::kRead));
  EXPECT_FALSE(MayAct(Role::kStage));
}

// What is offered is what the job's table allows.
TEST(JobActionsTest, OffersWhatMakesSense) {
  for (int i = 1; i <= 10; ++i) {
    const auto state = static_cast<JobState>(i);
    const auto offers = [state](const char* action) {
      const auto actions = ActionsIn(state);
      return std::find(actions.begin(), actions.end(), action) != actions.end();
    };
    const auto allows = [state](JobTrigger trigger) {
      return NextJobState(state, trigger).has_value();
    };
    EXPECT_TRUE(!offers("pause") || allows(JobTrigger::kPause));
    EXPECT_TRUE(!offers("resume") || allows(JobTrigger::kResume));
    EXPECT_TRUE(!offers("cancel") || allows(JobTrigger::kCancel));
    EXPECT_EQ(offers("save"), state == JobState::kRunning);
    EXPECT_EQ(offers("cancel"),
              !HasEnded(state) && state != JobState::kCancelling);
  }
  EXPECT_THAT(ActionsIn(JobState::kDone), IsEmpty());
  EXPECT_THAT(ActionsIn(JobState::kPaused), Contains("resume"));
  EXPECT_THAT(ActionsIn(JobState::kRunning), Not(Contains("resume")));
}

using JobActionsOnACoordinatorTest = CoordinatorTest;

TEST_F(JobActionsOnACoordinatorTest, DoesWhatItIsAsked) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_EQ(Act(*coordinator_, "a", "pause")->state, JobState::kPaused);
  EXPECT_EQ(Act(*coordinator_, "a", "resume")->state, JobState::kQueued);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Act(*coordinator_, "a", "save").status()));
  EXPECT_EQ(Act(*coordinator_, "a", "cancel")->state, JobState::kCancelled);
  EXPECT_TRUE(absl::IsNotFound(Act(*coordinator_, "a", "delete").status()));
  EXPECT_TRUE(absl::IsNotFound(Act(*coordinator_, "b", "pause").status()));
}

}  // namespace
}  // namespace halfpipe
