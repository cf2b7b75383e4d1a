#include "stage/curves/curve_folder.h"

#include <filesystem>

#include "common/store/owner_file.h"
#include "gtest/gtest.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

TEST(CurveFolderTest, IsMadeOnceAndFoundAgain) {
  const ScratchFolder scratch;
  const std::string out = scratch / "out";
  const auto folder = OpenCurveFolder(out);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(*folder, out + "/metrics");
  EXPECT_TRUE(fs::is_regular_file(*folder + "/" + kOwnerFileName));
  EXPECT_EQ(*OpenCurveFolder(out), *folder);
}

TEST(CurveFolderTest, AnEmptyFolderIsTakenOver) {
  const ScratchFolder scratch;
  fs::create_directory(scratch / "metrics");  // a crash before the owner file
  EXPECT_EQ(*OpenCurveFolder(scratch.path()), scratch / "metrics");
  EXPECT_TRUE(fs::exists(scratch / "metrics/.halfpipe-owner"));
}

TEST(CurveFolderTest, AnothersFolderFileOrLinkIsLeftToIt) {
  const ScratchFolder scratch;
  fs::create_directory(scratch / "metrics");
  scratch.Write("metrics/metrics.jsonl", "{\"step\":1}\n");
  scratch.Write("metrics-2", "a file");
  fs::create_directory(scratch / "elsewhere");
  fs::create_directory_symlink(scratch / "elsewhere", scratch / "metrics-3");
  EXPECT_EQ(*OpenCurveFolder(scratch.path()), scratch / "metrics-4");
  EXPECT_EQ(*OpenCurveFolder(scratch.path()), scratch / "metrics-4");
  EXPECT_TRUE(fs::is_empty(scratch / "elsewhere"));
  EXPECT_FALSE(fs::exists(scratch / "metrics/.halfpipe-owner"));
}

TEST(CurveFolderTest, AFolderThatCannotBeMadeIsAnError) {
  const ScratchFolder scratch;
  scratch.Write("out", "a file");
  EXPECT_FALSE(OpenCurveFolder(scratch / "out").ok());
}

}  // namespace
}  // namespace halfpipe
