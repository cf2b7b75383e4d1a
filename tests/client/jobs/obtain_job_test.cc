#include "client/jobs/obtain_job.h"

#include <sstream>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

class ObtainJobTest : public ::testing::Test {
 protected:
  ObtainJobTest() {
    spec_.id = std::string("j");
    client_.job.id = spec_.id;
  }

  // The calls that it takes where the job is in `state`.
  std::vector<std::string> CallsFor(JobState state) {
    client_.job.state = state;
    client_.calls->clear();
    std::ostringstream out;
    const auto printer = NewJsonPrinter(out);
    EXPECT_TRUE(ObtainJob(client_, spec_, *printer).ok());
    return *client_.calls;
  }

  FakeTrainingClient client_;
  JobSpec spec_;
};

TEST_F(ObtainJobTest, WhatHasEndedIsQueuedAgain) {
  for (const JobState state :
       {JobState::kFailed, JobState::kCancelled, JobState::kPaused}) {
    EXPECT_THAT(CallsFor(state), ElementsAre("get j", "resume j"));
  }
}

TEST_F(ObtainJobTest, WhatIsDoneStaysDone) {
  EXPECT_THAT(CallsFor(JobState::kDone), ElementsAre("get j"));
  spec_.replace = true;  // nothing is in the way
  EXPECT_THAT(CallsFor(JobState::kDone), ElementsAre("get j"));
}

// A run that was killed left it queued.
TEST_F(ObtainJobTest, WhatIsSaidNowCountsForAKilledRunsJob) {
  EXPECT_THAT(CallsFor(JobState::kQueued), ElementsAre("get j"));
  spec_.accept_data = true;
  for (const JobState state : {JobState::kQueued, JobState::kPreparing}) {
    EXPECT_THAT(CallsFor(state),
                ElementsAre("get j", "cancel j now", "resume j"));
  }
  client_.job.accept_data = true;
  EXPECT_THAT(CallsFor(JobState::kQueued), ElementsAre("get j"));
  // Nor does what was said then.
  spec_.accept_data = false;
  EXPECT_THAT(CallsFor(JobState::kQueued),
              ElementsAre("get j", "cancel j now", "resume j"));
}

}  // namespace
}  // namespace halfpipe
