#include "coordinator/store/owned_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/store/checkpoint_manifest.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

class OwnedFolderTest : public testing::Test {
 protected:
  ScratchFolder scratch_;

  // A folder of somebody else's, with something in it.
  std::string Foreign(absl::string_view name) {
    fs::create_directory(scratch_ / name);
    scratch_.Write(absl::StrCat(name, "/thesis.txt"), "years of work");
    return scratch_ / name;
  }

  std::string Owned(absl::string_view name) {
    const std::string path = scratch_ / name;
    EXPECT_TRUE(MakeOwnedFolder(path).ok());
    scratch_.Write(absl::StrCat(name, "/shard"), "bytes");
    return path;
  }
};

TEST_F(OwnedFolderTest, WhatWasMadeHereIsDeletedWhole) {
  const std::string path = Owned("a");
  fs::create_directories(path + "/sub/sub");
  EXPECT_TRUE(IsOwnedFolder(path));
  EXPECT_TRUE(absl::IsAlreadyExists(MakeOwnedFolder(path)));
  EXPECT_TRUE(RemoveOwnedFolder(path).ok());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(RemoveOwnedFolder(path).ok());
}

TEST_F(OwnedFolderTest, AManifestIsProofToo) {
  const std::string path = Owned("step-00000001");
  ASSERT_TRUE(TakeOwnerFile(path).ok());
  ASSERT_TRUE(TakeOwnerFile(path).ok());
  EXPECT_FALSE(IsOwnedFolder(path));
  CheckpointManifest manifest;
  manifest.step = 1;
  manifest.config_digest = std::string(64, 'c');
  manifest.data_digest = std::string(64, 'd');
  manifest.threads = 1;
  manifest.stages = 1;
  ASSERT_TRUE(WriteManifest(path, manifest).ok());
  EXPECT_TRUE(IsOwnedFolder(path));
  scratch_.Write("step-00000001/manifest.json", "another program's");
  EXPECT_FALSE(IsOwnedFolder(path));
}

TEST_F(OwnedFolderTest, OthersFoldersAreNotTouched) {
  const std::string path = Foreign(".tmp-step-00000001");
  EXPECT_FALSE(IsOwnedFolder(path));
  EXPECT_TRUE(absl::IsFailedPrecondition(RemoveOwnedFolder(path)));
  EXPECT_TRUE(fs::exists(path + "/thesis.txt"));
  fs::create_directory(scratch_ / "empty");
  EXPECT_FALSE(IsOwnedFolder(scratch_ / "empty"));
  scratch_.Write("file", "");
  EXPECT_FALSE(IsOwnedFolder(scratch_ / "file"));
}

TEST_F(OwnedFolderTest, LinksAreNotFollowed) {
  const std::string theirs = Foreign("theirs");
  const std::string ours = Owned("ours");
  fs::create_directory_symlink(theirs, ours + "/link");
  fs::create_directory_symlink(ours, scratch_ / "to_ours");
  EXPECT_FALSE(IsOwnedFolder(scratch_ / "to_ours"));
  EXPECT_FALSE(RemoveOwnedFolder(scratch_ / "to_ours").ok());
  EXPECT_TRUE(RemoveOwnedFolder(ours).ok());
  EXPECT_TRUE(fs::exists(theirs + "/thesis.txt"));
  // An owner "file" that leads elsewhere proves nothing.
  fs::create_symlink(theirs + "/thesis.txt",
                     absl::StrCat(theirs, "/", kOwnerFileName));
  EXPECT_FALSE(IsOwnedFolder(theirs));
}

TEST_F(OwnedFolderTest, AnInterruptedDeletionIsOwnedStill) {
  const std::string path = Owned("a");
  fs::remove(path + "/shard");  // as far as it came
  EXPECT_TRUE(IsOwnedFolder(path));
}

TEST_F(OwnedFolderTest, ATakenNameGetsANumber) {
  const std::string folder = scratch_.path();
  EXPECT_EQ(FreeFolderPath(folder, "x").value(), folder + "/x");
  Owned("x");
  EXPECT_EQ(FreeFolderPath(folder, "x").value(), folder + "/x");
  EXPECT_FALSE(fs::exists(folder + "/x"));
  Foreign("x");
  Foreign("x-2");
  EXPECT_EQ(FreeFolderPath(folder, "x").value(), folder + "/x-3");
  EXPECT_TRUE(fs::exists(folder + "/x/thesis.txt"));
}

}  // namespace
}  // namespace halfpipe
