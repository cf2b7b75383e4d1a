#include "common/data/folder_files.h"

#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FolderFilesTest, OrderedWithoutWhatSystemsLeave) {
  TemporaryFolder folder;
  for (const char* name :
       {"b.mp4", "sub/a.mp4", "a.mp4", ".hidden/a.mp4", "._b.mp4",
        "__MACOSX/c.mp4", "Thumbs.db", "sub/deep/x.txt"}) {
    folder.Write(name, "x");
  }
  ReadLog log;
  EXPECT_THAT(FilesBelow(folder.path(), &log),
              ElementsAre(folder / "a.mp4", folder / "b.mp4",
                          folder / "sub/a.mp4", folder / "sub/deep/x.txt"));
  EXPECT_THAT(log.Warnings(), IsEmpty());
}

TEST(FolderFilesTest, LinksDoNotMultiplyASet) {
  TemporaryFolder outer;
  outer.Write("other/x.mp4", "x");
  outer.Write("set/a.mp4", "x");
  outer.Write("set/sub/b.mp4", "x");
  const std::string root = outer / "set";
  fs::create_directory_symlink("..", root + "/up");
  fs::create_directory_symlink(".", root + "/self");
  fs::create_directory_symlink("sub", root + "/also");
  fs::create_directory_symlink("..", root + "/sub/back");
  ReadLog log;
  EXPECT_THAT(FilesBelow(root, &log),
              ElementsAre(root + "/a.mp4", root + "/sub/b.mp4"));
  EXPECT_TRUE(log.ok());
  EXPECT_THAT(log.Warnings(),
              ::testing::UnorderedElementsAre(
                  HasSubstr("/also: is the folder " + root + "/sub by another"),
                  HasSubstr("/self: is the folder"),
                  HasSubstr("/sub/back: is the folder"),
                  HasSubstr("which contains the data folder: left out")));
}

TEST(FolderFilesTest, FoldersElsewhereAreFollowedOnce) {
  TemporaryFolder outer;
  outer.Write("more/c.mp4", "x");
  outer.Write("more/deep/d.mp4", "x");
  outer.Write("set/a.mp4", "x");
  const std::string root = outer / "set";
  fs::create_directory_symlink("../more", root + "/first");
  fs::create_directory_symlink("../more/deep", root + "/second");
  // A link from there leads back.
  fs::create_directory_symlink("../set", outer / "more/set");
  ReadLog log;
  EXPECT_THAT(FilesBelow(root, &log),
              ElementsAre(root + "/a.mp4", root + "/first/c.mp4",
                          root + "/first/deep/d.mp4"));
  EXPECT_EQ(log.Warnings().size(), 2u);
}

TEST(FolderFilesTest, ALinkedRoot) {
  TemporaryFolder outer;
  outer.Write("set/a.mp4", "x");
  fs::create_directory_symlink("set", outer / "link");
  ReadLog log;
  EXPECT_THAT(FilesBelow(outer / "link", &log),
              ElementsAre(outer / "link/a.mp4"));
  EXPECT_THAT(log.Warnings(), IsEmpty());
}

TEST(FolderFilesTest, LinksToFilesAreFiles) {
  TemporaryFolder folder;
  folder.Write("a.mp4", "x");
  fs::create_symlink("a.mp4", folder / "b.mp4");
  fs::create_symlink("/nowhere/c.mp4", folder / "c.mp4");
  ReadLog log;
  EXPECT_THAT(
      FilesBelow(folder.path(), &log),
      ElementsAre(folder / "a.mp4", folder / "b.mp4", folder / "c.mp4"));
}

}  // namespace
}  // namespace halfpipe
