#include "coordinator/store/checkpoint_scrub.h"

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(CheckpointScrubTest, TellsOnlyOfWhatIsWrong) {
  CheckpointScrub scrub([](const std::string& directory) {
    return directory == "/b" ? absl::DataLossError("a bit flipped")
                             : absl::OkStatus();
  });
  scrub.Look("job", {"/a", "/b", "/c"});
  std::vector<CheckpointScrub::Finding> findings;
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (findings.empty() && absl::Now() < deadline) {
    findings = scrub.Take();
    absl::SleepFor(absl::Milliseconds(1));
  }
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].job, "job");
  EXPECT_EQ(findings[0].directory, "/b");
  EXPECT_EQ(findings[0].status, absl::DataLossError("a bit flipped"));
  EXPECT_TRUE(scrub.Take().empty());
}

TEST(CheckpointScrubTest, AJobThatStillWaitsIsNotQueuedTwice) {
  absl::Notification go;
  absl::Mutex mutex;
  std::vector<std::string> read;
  {
    absl::Notification begun;
    CheckpointScrub scrub([&](const std::string& directory) {
      if (!begun.HasBeenNotified()) begun.Notify();
      go.WaitForNotification();
      absl::MutexLock lock(&mutex);
      read.push_back(directory);
      return absl::OkStatus();
    });
    scrub.Look("one", {"/a", "/b"});
    begun.WaitForNotification();
    scrub.Look("one", {"/c"});
    scrub.Look("two", {"/d"});
    go.Notify();
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    for (bool done = false; !done && absl::Now() < deadline;) {
      absl::MutexLock lock(&mutex);
      done = read.size() == 3;
    }
  }
  EXPECT_THAT(read, ElementsAre("/a", "/b", "/d"));
}

TEST(CheckpointScrubTest, EndsWithoutReadingTheRest) {
  int read = 0;
  {
    absl::Notification begun;
    CheckpointScrub scrub([&](const std::string&) {
      ++read;
      if (!begun.HasBeenNotified()) begun.Notify();
      absl::SleepFor(absl::Milliseconds(20));
      return absl::OkStatus();
    });
    scrub.Look("job", std::vector<std::string>(1000, "/a"));
    begun.WaitForNotification();
  }
  EXPECT_LT(read, 10);
}

}  // namespace
}  // namespace halfpipe
