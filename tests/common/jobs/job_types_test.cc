#include "common/jobs/job_types.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace halfpipe {
namespace {

TEST(JobTypesTest, EveryStateHasANameOfItsOwn) {
  std::set<std::string> names;
  std::set<JobState> ended;
  for (int value = static_cast<int>(JobState::kQueued);
       value <= static_cast<int>(JobState::kPausing); ++value) {
    const auto state = static_cast<JobState>(value);
    const auto name = std::string(JobStateName(state));
    EXPECT_NE(name, "unknown") << value;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(ParseJobState(name), state);
    if (HasEnded(state)) ended.insert(state);
  }
  EXPECT_EQ(ended, (std::set<JobState>{JobState::kDone, JobState::kFailed,
                                       JobState::kCancelled}));
  EXPECT_EQ(ParseJobState("Done"), std::nullopt);
  EXPECT_EQ(JobStateName(static_cast<JobState>(99)), "unknown");
}

TEST(JobTypesTest, Kinds) {
  EXPECT_EQ(JobKindName(JobKind::kTrain), "train");
  EXPECT_EQ(JobKindName(JobKind::kPrepare), "prepare");
  EXPECT_EQ(JobKindName(JobKind::kCheck), "check");
}

}  // namespace
}  // namespace halfpipe
