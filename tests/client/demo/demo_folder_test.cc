#include "client/demo/demo_folder.h"

#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(DemoFolderTest, FillsAFolderAndFillsItAgain) {
  const ScratchFolder scratch;
  const std::string folder = scratch / "a demo";
  const auto job = WriteDemoFolder(folder);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(*job, folder + "/job.yaml");
  for (const char* name :
       {"clips/clip-6.avi", "model/Wan2.1_VAE.safetensors"}) {
    EXPECT_TRUE(std::filesystem::exists(folder + "/" + name)) << name;
  }
  const std::string lora = scratch.Write("a demo/lora", "trained");
  ASSERT_TRUE(WriteDemoFolder(folder).ok());
  EXPECT_EQ(ReadFile(lora).value(), "trained");
}

TEST(DemoFolderTest, LeavesOtherFoldersAlone) {
  const ScratchFolder scratch;
  scratch.Write("job.yaml", "name: mine\n");
  const auto refused = WriteDemoFolder(scratch.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("no demo's folder"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "clips"));
}

}  // namespace
}  // namespace halfpipe
