#include "coordinator/store/checkpoint_folders.h"

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
}

TEST_F(CheckpointFoldersTest, OwnTemporaryNamesAreWholeNames) {
  for (const std::string& name :
       {TemporaryCheckpointName(250), TemporaryCheckpointName(123456789),
        RemovedCheckpointName(CheckpointName(7)),
        absl::StrCat(TemporaryCheckpointName(1), "-2"),
        absl::StrCat(RemovedCheckpointName(CheckpointName(1)), "-31")}) {
    EXPECT_TRUE(IsTemporaryCheckpointName(name)) << name;
  }
  for (const char* name :
       {".tmp-", ".tmp-x", ".tmp-mine", ".tmp-step-7", ".tmp-step-00000001-1",
        ".tmp-step-00000001-02", ".tmp-step-00000001-x", ".tmp-step-00000001x",
        ".tmp-removed-x", "step-00000001", "tmp-step-00000001",
        ".tmp-removed-removed-step-00000001", ".tmp-delete-step-00000001"}) {
    EXPECT_FALSE(IsTemporaryCheckpointName(name)) << name;
  }
}

}  // namespace
}  // namespace halfpipe
