#include "coordinator/page/curve_book.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// Stored events by job, two to a batch, and what was asked for.
class CurveBookTest : public ::testing::Test {
 protected:
  void AddStep(const std::string& job, int64_t steps_done) {
    StepProgress step;
    step.steps_done = steps_done;
    step.loss = 0.5;
    JobEvent event;
    event.cursor = static_cast<int64_t>(events_[job].size()) + 1;
    event.what = step;
    events_[job].push_back(event);
  }

  std::map<std::string, std::vector<JobEvent>> events_;
  std::vector<int64_t> asked_;
  CurveBook book_{
      [this](const std::string& job,
             int64_t after) -> absl::StatusOr<std::vector<JobEvent>> {
        asked_.push_back(after);
        if (!events_.contains(job)) return absl::NotFoundError("no such job");
        const auto& all = events_[job];
        std::vector<JobEvent> batch;
        for (size_t i = static_cast<size_t>(after);
             i < all.size() && batch.size() < 2; ++i) {
          batch.push_back(all[i]);
        }
        return batch;
      }};
};

TEST_F(CurveBookTest, ASecondLookReadsOnlyWhatIsNew) {
  for (int64_t step = 1; step <= 3; ++step) AddStep("a", step);
  EXPECT_THAT(book_.Look("a").value(), SizeIs(3));
  EXPECT_THAT(asked_, ElementsAre(0, 2, 3));
  asked_.clear();
  AddStep("a", 4);
  EXPECT_THAT(book_.Look("a").value(), SizeIs(4));
  EXPECT_THAT(asked_, ElementsAre(3, 4));
}

TEST_F(CurveBookTest, AJobThatIsNotThereIsNotKept) {
  EXPECT_TRUE(absl::IsNotFound(book_.Look("a").status()));
  AddStep("a", 1);
  EXPECT_THAT(book_.Look("a").value(), SizeIs(1));
}

TEST_F(CurveBookTest, ForgetsWhatNobodyLooksAt) {
  AddStep("a", 1);
  (void)book_.Look("a");
  for (size_t i = 0; i < CurveBook::kJobs; ++i) {
    AddStep(absl::StrCat(i), 1);
    (void)book_.Look(absl::StrCat(i));
  }
  asked_.clear();
  (void)book_.Look("a");
  EXPECT_EQ(asked_.front(), 0);
}

TEST_F(CurveBookTest, OneLookHasAnEnd) {
  const int64_t steps = 2 * CurveBook::kMostBatches + 10;
  for (int64_t step = 1; step <= steps; ++step) AddStep("a", step);
  EXPECT_THAT(book_.Look("a").value(), SizeIs(2 * CurveBook::kMostBatches));
  EXPECT_THAT(book_.Look("a").value(), SizeIs(steps));
}

}  // namespace
}  // namespace halfpipe
