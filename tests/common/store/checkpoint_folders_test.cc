#include "common/store/checkpoint_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

class CheckpointFoldersTest : public testing::Test {
 protected:
  ScratchFolder scratch_;

  void Make(absl::string_view name) {
    std::filesystem::create_directory(scratch_ / name);
    scratch_.Write(absl::StrCat(name, "/file"), "content");
  }

  std::vector<int64_t> Steps() {
    std::vector<int64_t> steps;
    const auto folders = ListCheckpoints(scratch_.path()).value();
    for (const CheckpointFolder& folder : folders) {
      EXPECT_EQ(folder.path, scratch_ / CheckpointName(folder.step));
      steps.push_back(folder.step);
    }
    return steps;
  }
};

TEST_F(CheckpointFoldersTest, ListsFinishedOnesInOrder) {
  for (const char* name : {"step-00000500", "step-00000250", "step-123456789",
                           ".tmp-step-00000750", "step-7", "step-+0000250",
                           "step-00000250x", "other"}) {
    Make(name);
  }
  scratch_.Write("step-00000999", "a file, no folder");
  EXPECT_THAT(Steps(), ElementsAre(250, 500, 123456789));
}

TEST_F(CheckpointFoldersTest, ARootThatDoesNotExistHoldsNone) {
  EXPECT_TRUE(ListCheckpoints(scratch_ / "none").value().empty());
  EXPECT_TRUE(ApplyRetention(scratch_ / "none", 1).ok());
}

TEST_F(CheckpointFoldersTest, KeepsTheNewest) {
  for (int step : {1, 2, 3, 4}) Make(CheckpointName(step));
  Make(TemporaryCheckpointName(5));
  ASSERT_TRUE(ApplyRetention(scratch_.path(), 2).ok());
  EXPECT_THAT(Steps(), ElementsAre(3, 4));
  // What another process is filling stays.
  EXPECT_TRUE(std::filesystem::exists(scratch_ / TemporaryCheckpointName(5)));
  EXPECT_EQ(scratch_.Count(), 3);
}

TEST_F(CheckpointFoldersTest, FinishesAnEarlierDeletion) {
  Make(".tmp-delete-step-00000001");
  Make("step-00000001");
  Make("step-00000002");
  ASSERT_TRUE(ApplyRetention(scratch_.path(), 1).ok());
  EXPECT_EQ(scratch_.Count(), 1);
}

TEST_F(CheckpointFoldersTest, NeverDeletesAll) {
  Make("step-00000001");
  EXPECT_TRUE(absl::IsInvalidArgument(ApplyRetention(scratch_.path(), 0)));
  EXPECT_THAT(Steps(), ElementsAre(1));
}

}  // namespace
}  // namespace halfpipe
