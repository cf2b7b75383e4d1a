#include <sys/stat.h>

#include "common/data/metadata_samples.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A folder with two clips and their captions, and what is found in it.
class MediaFolderTest : public ::testing::Test {
 protected:
  MediaFolderTest() {
    for (const char* name : {"clip-1", "clip-2"}) {
      folder_.Write(std::string(name) + ".mp4", "x");
      folder_.Write(std::string(name) + ".txt", "a test card\n");
    }
  }

  void Read(std::vector<std::string>* missing = nullptr) {
    log_ = ReadLog();
    samples_ = SamplesOfFolder(
        {.root = folder_.path(), .metadata = "", .missing = missing}, &log_);
    problems_ = std::string(log_.ToStatus().message());
  }

  // What is said in its only warning.
  std::string Warning() {
    const std::vector<std::string> warnings = log_.Warnings();
    EXPECT_EQ(warnings.size(), 1u) << ::testing::PrintToString(warnings);
    return warnings.empty() ? "" : warnings[0];
  }

  void ExpectTwoSamples() {
    EXPECT_EQ(problems_, "");
    EXPECT_EQ(samples_.size(), 2u);
  }

  TemporaryFolder folder_;
  ReadLog log_;
  std::vector<Sample> samples_;
  std::string problems_;
};

TEST_F(MediaFolderTest, DocumentationIsAWarning) {
  folder_.Write("README.txt", "my data set");
  folder_.Write("LICENSE.txt", "MIT");
  Read();
  ExpectTwoSamples();
  EXPECT_THAT(log_.Warnings(),
              ElementsAre(HasSubstr("LICENSE.txt: is left out: it looks like"),
                          HasSubstr("README.txt: is left out")));
  // But it is a caption where its clip is there.
  folder_.Write("README.mp4", "x");
  Read();
  EXPECT_EQ(samples_.size(), 3u);
}

TEST_F(MediaFolderTest, WhatSystemsLeaveIsPassedOver) {
  folder_.Write("._clip-1.mp4", std::string(4096, '\0'));
  folder_.Write(".DS_Store", "");
  folder_.Write("Thumbs.db", "");
  folder_.Write("desktop.ini", "");
  folder_.Write("__MACOSX/._clip-1.mp4", "x");
  folder_.Write("@eaDir/clip-1.mp4/SYNOPHOTO_THUMB.jpg", "x");
  Read();
  ExpectTwoSamples();
  EXPECT_THAT(log_.Warnings(), IsEmpty());
}

TEST_F(MediaFolderTest, ACaptionOfAnUnknownKindSaysSo) {
  folder_.Write("film.rmvb", "x");
  folder_.Write("film.txt", "a film");
  Read();
  EXPECT_THAT(problems_, AllOf(HasSubstr("film.txt: is the caption of "
                                         "film.rmvb, which is no known kind"),
                               HasSubstr("expected mp4")));
}

TEST_F(MediaFolderTest, AnUnknownKindWithoutCaptionIsAWarning) {
  folder_.Write("film.rmvb", "x");
  folder_.Write("more.zip", "PK");
  folder_.Write("notes.md", "x");
  Read();
  ExpectTwoSamples();
  EXPECT_THAT(log_.Warnings(),
              ElementsAre(HasSubstr("film.rmvb: is left out: it is no known"),
                          HasSubstr("more.zip: is not read: unpack it")));
}

TEST_F(MediaFolderTest, UpperCaseExtensions) {
  folder_.Write("UPPER.MP4", "x");
  folder_.Write("UPPER.TXT", "a test card");
  Read();
  EXPECT_EQ(problems_, "");
  EXPECT_EQ(samples_.size(), 3u);
  folder_.Write("UPPER.txt", "another");
  Read();
  EXPECT_THAT(problems_, HasSubstr("has two captions, UPPER.TXT and "
                                   "UPPER.txt: remove one"));
}

TEST_F(MediaFolderTest, CaptionsByOtherNamesAreNamedWithAdvice) {
  folder_.Write("double.mp4", "x");
  folder_.Write("double.mp4.txt", "a");
  folder_.Write("kohya.mp4", "x");
  folder_.Write("kohya.caption", "a");
  folder_.Write("ostris.mp4", "x");
  folder_.Write("ostris.json", "{}");
  Read();
  EXPECT_EQ(problems_,
            (folder_ / "double.mp4") +
                ": has no caption; expected double.txt beside it: rename "
                "double.mp4.txt\n" +
                (folder_ / "kohya.mp4") +
                ": has no caption; expected kohya.txt beside it: rename "
                "kohya.caption\n" +
                (folder_ / "ostris.mp4") +
                ": has no caption; expected ostris.txt beside it: write the "
                "text of ostris.json into it");
}

TEST_F(MediaFolderTest, ClipsForControlAreToBeMovedAway) {
  folder_.Write("control/clip-1.mp4", "x");
  folder_.Write("mask/clip-1.mp4", "x");
  Read();
  EXPECT_THAT(problems_,
              AllOf(HasSubstr("control/clip-1.mp4: has no caption; expected "
                              "clip-1.txt beside it; clips for control and "
                              "masks are not read here: move their folder"),
                    HasSubstr("mask/clip-1.mp4: has no caption")));
}

TEST_F(MediaFolderTest, AListThatNobodyNamedIsNamed) {
  folder_.Write("clip-3.mp4", "x");
  folder_.Write("dataset.csv", "video,prompt\n");
  Read();
  EXPECT_THAT(problems_, HasSubstr("dataset.csv: may hold the captions: "
                                   "write data.metadata: dataset.csv"));
}

TEST_F(MediaFolderTest, AListWithoutAnyCaptionBesideClipsIsTheOneProblem) {
  fs::remove(folder_ / "clip-1.txt");
  fs::remove(folder_ / "clip-2.txt");
  folder_.Write("README.txt", "my data set");
  folder_.Write("config.json", "{\"a\": 1}");
  folder_.Write("train/metadata.jsonl",
                "{\"file_name\": \"clip-1.mp4\", \"text\": \"one\"}\n");
  Read();
  EXPECT_EQ(problems_, (folder_ / "train/metadata.jsonl") +
                           ": holds the captions, and no clip has one beside "
                           "it: write data.metadata: train/metadata.jsonl");
  fs::remove(folder_ / "train/metadata.jsonl");
  folder_.Write("config.json", "[]");
  Read();
  EXPECT_THAT(problems_, AllOf(HasSubstr("clip-1.mp4: has no caption"),
                               HasSubstr("config.json: may hold the")));
  // What is known to be something else is no advice.
  folder_.Write("config.json", "{\"a\": 1}");
  Read();
  EXPECT_THAT(problems_, Not(HasSubstr("config.json")));
}

TEST_F(MediaFolderTest, OfSeveralListsNoneIsToldToBeTheOne) {
  fs::remove(folder_ / "clip-1.txt");
  fs::remove(folder_ / "clip-2.txt");
  folder_.Write("train/metadata.jsonl",
                "{\"file_name\": \"clip-1.mp4\", \"text\": \"one\"}\n");
  folder_.Write("validation/metadata.jsonl",
                "{\"file_name\": \"clip-2.mp4\", \"text\": \"two\"}\n");
  Read();
  EXPECT_EQ(problems_,
            folder_.path() +
                ": train/metadata.jsonl, validation/metadata.jsonl hold the "
                "captions, and no clip has one beside it; data.metadata names "
                "one list, and no other is read: merge them into one, or make "
                "a job of each");
  for (int i = 0; i < 12; ++i) {
    folder_.Write("more/" + std::to_string(i) + ".csv",
                  "video,prompt\nclip-1.mp4,one\n");
  }
  Read();
  EXPECT_THAT(problems_, HasSubstr(" and 4 more hold the captions"));
}

TEST_F(MediaFolderTest, SeveralListsBesideSomeCaptions) {
  fs::remove(folder_ / "clip-2.txt");
  folder_.Write("a/captions.json", "{\"clip-2.mp4\": \"one\"}");
  folder_.Write("b/captions.json", "{\"clip-2.mp4\": \"one\"}");
  Read();
  EXPECT_THAT(problems_, HasSubstr(": a/captions.json, b/captions.json may "
                                   "hold the captions; data.metadata names "
                                   "one list"));
}

TEST_F(MediaFolderTest, ACaptionThatIsTooLargeIsNamedOnce) {
  folder_.Write("clip-1.txt", std::string((1 << 20) + 1, 'x'));
  Read();
  EXPECT_EQ(problems_,
            (folder_ / "clip-1.txt") + ": is larger than 1048576 bytes");
}

// As one half of a data set went through an archive made on macOS.
TEST_F(MediaFolderTest, ACaptionWhoseNameLooksTheSame) {
  folder_.Write("cafe\xCC\x81.mp4", "x");
  folder_.Write("caf\xC3\xA9.txt", "a test card");
  Read();
  EXPECT_EQ(problems_, "");
  ASSERT_EQ(samples_.size(), 3u);
  EXPECT_EQ(samples_[0].media_path, folder_ / "cafe\xCC\x81.mp4");
  EXPECT_EQ(samples_[0].prompt, "a test card");
  // Each has its own.
  folder_.Write("caf\xC3\xA9.mp4", "x");
  folder_.Write("cafe\xCC\x81.txt", "another");
  Read();
  EXPECT_EQ(problems_, "");
  ASSERT_EQ(samples_.size(), 4u);
  EXPECT_EQ(samples_[0].prompt, "another");
  // Of two that look like it, none is.
  fs::remove(folder_ / "caf\xC3\xA9.mp4");
  fs::remove(folder_ / "caf\xC3\xA9.txt");
  fs::remove(folder_ / "cafe\xCC\x81.txt");
  folder_.Write("caf\xC3\xA9.txt", "one");
  folder_.Write("caf\xC3\xA9.TXT", "two");
  Read();
  EXPECT_THAT(problems_, HasSubstr("has two captions, caf\xC3\xA9.TXT and"));
}

TEST_F(MediaFolderTest, TwoMediaOfOneNameShareTheCaption) {
  folder_.Write("clip-1.png", "x");
  Read();
  EXPECT_EQ(problems_, "");
  ASSERT_EQ(samples_.size(), 3u);
  EXPECT_TRUE(samples_[1].is_image);
  EXPECT_EQ(samples_[1].prompt, samples_[0].prompt);
  EXPECT_THAT(Warning(), HasSubstr("clip-1.txt: is the caption of clip-1.mp4 "
                                   "and clip-1.png, and both are trained"));
}

TEST_F(MediaFolderTest, LinksThatLeadNowhereAndOddFiles) {
  fs::create_symlink("/nowhere/clip.mp4", folder_ / "gone.mp4");
  folder_.Write("gone.txt", "gone");
  mkfifo((folder_ / "pipe.mp4").c_str(), 0600);
  folder_.Write("pipe.txt", "a pipe");
  folder_.Write("stuck.mp4", "x");
  mkfifo((folder_ / "stuck.txt").c_str(), 0600);
  Read();
  EXPECT_EQ(problems_, (folder_ / "gone.mp4") +
                           ": is a link to /nowhere/clip.mp4, which does not "
                           "exist\n" +
                           (folder_ / "pipe.mp4") + ": is no regular file\n" +
                           (folder_ / "stuck.txt") + ": is no regular file");
}

TEST_F(MediaFolderTest, WhatIsMissingMayBeLeftOut) {
  fs::create_symlink("/nowhere/clip.mp4", folder_ / "gone.mp4");
  folder_.Write("gone.txt", "gone");
  folder_.Write("orphan.txt", "no clip");
  std::vector<std::string> missing;
  Read(&missing);
  ExpectTwoSamples();
  EXPECT_THAT(missing, ElementsAre(HasSubstr("gone.mp4: is a link to"),
                                   HasSubstr("orphan.txt: is a caption")));
}

TEST_F(MediaFolderTest, NamesThatAreNotUtf8) {
  folder_.Write("caf\xE9.mp4", "x");
  folder_.Write("caf\xE9.txt", "a test card");
  folder_.Write("na\xEFve.txt", "an orphan");
  folder_.Write("b\xE9t\xE9/one.mp4", "x");
  folder_.Write("b\xE9t\xE9/two.mp4", "x");
  folder_.Write("notes \xE9.md", "nobody reads it");
  Read();
  EXPECT_EQ(problems_,
            (folder_ / "b\\xE9t\\xE9") +
                ": the folder's name is not UTF-8: rename it (convmv does so "
                "for a whole archive)\n" +
                (folder_ / "caf\\xE9.mp4") +
                ": the file's name is not UTF-8: rename it\n" +
                (folder_ / "na\\xEFve.txt") +
                ": the file's name is not UTF-8: rename it");
}

TEST_F(MediaFolderTest, CaptionsThatAreNone) {
  const auto problem_of = [&](const std::string& caption) {
    folder_.Write("clip-1.txt", caption);
    Read();
    return problems_;
  };
  EXPECT_THAT(problem_of(" \t\n"),
              HasSubstr("clip-1.txt: the prompt is empty"));
  EXPECT_THAT(problem_of(""), HasSubstr("the prompt is empty"));
  EXPECT_THAT(problem_of("\xEF\xBB\xBF"), HasSubstr("the prompt is empty"));
  EXPECT_THAT(problem_of("\xEF\xBB\xBF \xC2\xA0\xE3\x80\x80\r\n"),
              HasSubstr("the prompt is empty"));
  EXPECT_THAT(problem_of(std::string("\xFF\xFE"
                                     "a\0 \0c\0",
                                     8)),
              HasSubstr("the prompt is UTF-16, not UTF-8: save it as UTF-8"));
  EXPECT_THAT(problem_of("caf\xE9 \x96 at night"),
              HasSubstr("the prompt is not UTF-8: 'caf\\xE9 \\x96 at night'"));
  EXPECT_THAT(problem_of("\xD2\xBB\xD6\xBB\xB9\xB7"),  // GBK
              HasSubstr("the prompt is not UTF-8"));
  EXPECT_THAT(problem_of(std::string("a \0cat in a hat", 15)),
              HasSubstr("the prompt holds a NUL byte"));
  EXPECT_THAT(problem_of("version https://git-lfs.github.com/spec/v1\n"),
              HasSubstr("is a Git LFS pointer"));
  EXPECT_THAT(problem_of("{\\rtf1\\ansi a cat}"),
              HasSubstr("clip-1.txt: the prompt is RTF, not plain text"));
  EXPECT_THAT(problem_of("PK\x03\x04..."),
              HasSubstr("the prompt is a ZIP archive"));
  EXPECT_THAT(problem_of("404: Not Found"),
              HasSubstr("the prompt is 404: Not Found, which is no caption"));
  EXPECT_THAT(problem_of("[object Object]\n"),
              HasSubstr("the prompt is [object Object], which is no caption"));
  EXPECT_THAT(problem_of("\"\""), HasSubstr("which is no caption"));
  EXPECT_EQ(problem_of("a 404: Not Found page on a screen"), "");
}

TEST_F(MediaFolderTest, AnObjectOfJsonIsACaptionWithAWarning) {
  folder_.Write("clip-1.txt", "{\"caption\": \"a cat\"}\n");
  Read();
  ExpectTwoSamples();
  EXPECT_THAT(Warning(), HasSubstr("clip-1.txt: the prompt is a JSON object"));
  folder_.Write("clip-1.txt", "{a cat} in braces");
  Read();
  EXPECT_THAT(log_.Warnings(), IsEmpty());
}

TEST_F(MediaFolderTest, AByteOrderMarkBeforeTextIsDropped) {
  folder_.Write("clip-1.txt",
                "\xEF\xBB\xBF"
                "a cat\r\n");
  Read();
  ExpectTwoSamples();
  EXPECT_EQ(samples_[0].prompt, "a cat");
}

TEST_F(MediaFolderTest, TextsThatLookLost) {
  folder_.Write("clip-1.txt", "nan");
  Read();
  ExpectTwoSamples();
  EXPECT_THAT(Warning(), HasSubstr("the prompt is 'nan'"));
  // Chinese in GBK whose bytes happen to be UTF-8.
  folder_.Write("clip-1.txt", "\xD2\xBB\xD6\xBB\xC3\xA8");
  Read();
  EXPECT_THAT(Warning(), HasSubstr("as text in GBK does"));
  folder_.Write("clip-1.txt", "caf\xEF\xBF\xBD");
  Read();
  EXPECT_THAT(Warning(), HasSubstr("U+FFFD"));
}

}  // namespace
}  // namespace halfpipe
