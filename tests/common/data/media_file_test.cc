#include "common/data/media_file.h"

#include <sys/stat.h>

#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class MediaFileTest : public ::testing::Test {
 protected:
  MediaFileTest() {
    folder_.Write("clip-1.mp4", "x");
    folder_.Write("sub/clip-2.mp4", "x");
    folder_.Write("Upper.MP4", "x");
    folder_.Write("film.rmvb", "x");
  }

  std::string PathOf(const std::string& written) {
    const MediaFile file = Find(written);
    EXPECT_EQ(file.problem, "") << written;
    return file.path;
  }

  std::string ProblemOf(const std::string& written) {
    const MediaFile file = Find(written);
    EXPECT_EQ(file.path, "") << written;
    return file.problem;
  }

  MediaFile Find(const std::string& written) {
    return MediaFinder(folder_.path(), folder_ / rows_).Find(written);
  }

  std::string rows_ = "metadata.csv";

  TemporaryFolder folder_;
};

TEST_F(MediaFileTest, RelativeAbsoluteAndWithBackslashes) {
  EXPECT_EQ(PathOf("clip-1.mp4"), folder_ / "clip-1.mp4");
  EXPECT_EQ(PathOf("./sub/../clip-1.mp4"), folder_ / "clip-1.mp4");
  EXPECT_EQ(PathOf(" clip-1.mp4 "), folder_ / "clip-1.mp4");
  EXPECT_EQ(PathOf("sub\\clip-2.mp4"), folder_ / "sub/clip-2.mp4");
  EXPECT_EQ(PathOf(folder_ / "sub/clip-2.mp4"), folder_ / "sub/clip-2.mp4");
  TemporaryFolder elsewhere;
  EXPECT_EQ(PathOf(elsewhere.Write("other.mp4", "x")), elsewhere / "other.mp4");
  // What the text itself names comes first.
  folder_.Write("sub\\clip-2.mp4", "x");
  EXPECT_EQ(PathOf("sub\\clip-2.mp4"), folder_ / "sub\\clip-2.mp4");
}

TEST_F(MediaFileTest, PathsThatMeanNothingHere) {
  EXPECT_THAT(ProblemOf("C:\\clips\\a.mp4"),
              HasSubstr("is a path of a Windows machine"));
  EXPECT_THAT(ProblemOf("d:/clips/a.mp4"), HasSubstr("Windows"));
  EXPECT_THAT(ProblemOf("\\\\server\\clips\\a.mp4"), HasSubstr("Windows"));
  EXPECT_THAT(ProblemOf("~/clips/a.mp4"), HasSubstr("'~'"));
  EXPECT_THAT(ProblemOf("https://x/a.mp4"), HasSubstr("is a URL"));
  EXPECT_THAT(ProblemOf(std::string("clip-1.mp4\0.mp4", 15)),
              HasSubstr("' holds a NUL character"));
  EXPECT_THAT(ProblemOf("../a.mp4"), HasSubstr("is outside the data folder"));
}

TEST_F(MediaFileTest, FilesThatAreNotThereOrNotFiles) {
  const MediaFile gone = Find("gone.mp4");
  EXPECT_TRUE(gone.missing);
  EXPECT_EQ(gone.problem, (folder_ / "gone.mp4") + " does not exist");
  EXPECT_THAT(ProblemOf("clip-1.mkv"), HasSubstr("(clip-1.mp4 is there)"));
  EXPECT_THAT(ProblemOf("upper.mp4"), HasSubstr("(Upper.MP4 is there)"));
  std::filesystem::create_directory(folder_ / "folder.mp4");
  EXPECT_THAT(ProblemOf("folder.mp4"), HasSubstr("is a folder"));
  mkfifo((folder_ / "pipe.mp4").c_str(), 0600);
  EXPECT_THAT(ProblemOf("pipe.mp4"), HasSubstr("is no regular file"));
  std::filesystem::create_symlink("/nowhere/x.mp4", folder_ / "link.mp4");
  EXPECT_THAT(ProblemOf("link.mp4"),
              HasSubstr("is a link to /nowhere/x.mp4, which does not exist"));
}

// A list of Hugging Face's names files beside itself.
TEST_F(MediaFileTest, RelativeToTheFileOfRowsWhereTheRootHasNone) {
  rows_ = "sub/metadata.jsonl";
  EXPECT_EQ(PathOf("clip-2.mp4"), folder_ / "sub/clip-2.mp4");
  EXPECT_EQ(PathOf("clip-1.mp4"), folder_ / "clip-1.mp4");
  folder_.Write("sub/clip-1.mp4", "x");
  EXPECT_EQ(PathOf("clip-1.mp4"), folder_ / "clip-1.mp4");
  folder_.Write("videos/clip-3.mp4", "x");
  EXPECT_EQ(PathOf("../videos/clip-3.mp4"), folder_ / "videos/clip-3.mp4");
  EXPECT_THAT(ProblemOf("../../x.mp4"), HasSubstr("is outside"));
  EXPECT_EQ(ProblemOf("gone.mp4"), (folder_ / "gone.mp4") + " does not exist");
  rows_ = "../metadata.jsonl";
  EXPECT_THAT(ProblemOf("clip-2.mp4"), HasSubstr("does not exist"));
}

// As an archive made on macOS unpacks.
TEST_F(MediaFileTest, AccentsThatAreWrittenInAnotherForm) {
  folder_.Write("vide\xCC\x81os/cafe\xCC\x81.mp4", "x");
  EXPECT_EQ(PathOf("vid\xC3\xA9os/caf\xC3\xA9.mp4"),
            folder_ / "vide\xCC\x81os/cafe\xCC\x81.mp4");
  EXPECT_EQ(PathOf(folder_ / "vid\xC3\xA9os/caf\xC3\xA9.mp4"),
            folder_ / "vide\xCC\x81os/cafe\xCC\x81.mp4");
  EXPECT_THAT(ProblemOf("vid\xC3\xA9os/cafe.mp4"), HasSubstr("not exist"));
  // What the text itself names comes first.
  folder_.Write("vid\xC3\xA9os/caf\xC3\xA9.mp4", "x");
  EXPECT_EQ(PathOf("vid\xC3\xA9os/caf\xC3\xA9.mp4"),
            folder_ / "vid\xC3\xA9os/caf\xC3\xA9.mp4");
  // Two that look like it, neither of them written as it is.
  folder_.Write("e\xCC\x82\xCC\xA3.mp4", "x");
  EXPECT_EQ(PathOf("\xE1\xBB\x87.mp4"), folder_ / "e\xCC\x82\xCC\xA3.mp4");
  folder_.Write("e\xCC\xA3\xCC\x82.mp4", "x");
  EXPECT_THAT(ProblemOf("\xE1\xBB\x87.mp4"), HasSubstr("does not exist"));
}

TEST_F(MediaFileTest, PathsOfAnotherMachineOrFolder) {
  EXPECT_THAT(ProblemOf("/workspace/set/sub/clip-2.mp4"),
              HasSubstr("/workspace/set/sub/clip-2.mp4 does not exist "
                        "(sub/clip-2.mp4 is in the data folder: write that)"));
  EXPECT_THAT(ProblemOf("set/clip-1.mp4"),
              HasSubstr("(clip-1.mp4 is in the data folder: write that)"));
}

TEST_F(MediaFileTest, NothingIsToldOfWhatElseLiesOutside) {
  TemporaryFolder elsewhere;
  elsewhere.Write("secret.mp4", "x");
  EXPECT_EQ(ProblemOf(elsewhere / "secret.mkv"),
            (elsewhere / "secret.mkv") + " does not exist");
}

// A hint looks through a folder: with a hundred wrong rows all is said.
TEST_F(MediaFileTest, HintsEndSomewhere) {
  MediaFinder finder(folder_.path(), folder_ / rows_);
  EXPECT_THAT(finder.Find("clip-1.mkv").problem, HasSubstr(" is there)"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(finder.Find("clip-1.mkv").missing);
  }
  EXPECT_EQ(finder.Find("clip-1.mkv").problem,
            (folder_ / "clip-1.mkv") + " does not exist");
}

TEST_F(MediaFileTest, UnknownKinds) {
  EXPECT_THAT(ProblemOf("film.rmvb"),
              HasSubstr("'film.rmvb' is no known kind of media; expected mp4"));
  EXPECT_THAT(ProblemOf("clip-1"), HasSubstr("(clip-1.mp4 is there)"));
}

TEST_F(MediaFileTest, NamesThatAreNotUtf8) {
  folder_.Write("caf\xE9.mp4", "x");
  EXPECT_THAT(ProblemOf("caf\xE9.mp4"), HasSubstr("is not UTF-8"));
  EXPECT_THAT(ProblemOf("caf\xC3\xA9.mp4"),
              HasSubstr("whose name is not UTF-8: rename it"));
}

}  // namespace
}  // namespace halfpipe
