#include "common/data/metadata_samples.h"

#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three clips and the samples of rows about them.
class MetadataSamplesTest : public ::testing::Test {
 protected:
  MetadataSamplesTest() {
    for (const char* name : {"clip-1.mp4", "clip-2.mp4", "clip-3.mp4"}) {
      folder_.Write(name, "x");
    }
  }

  void Read(const std::string& text, const std::string& name = "m.jsonl") {
    log_ = ReadLog();
    const auto rows = ParseMetadataRows(text, name);
    ASSERT_TRUE(rows.ok()) << rows.status();
    samples_ = SamplesOfRows(*rows, {.root = folder_.path(), .metadata = ""},
                             name, "", &log_);
    problems_ = std::string(log_.ToStatus().message());
  }

  TemporaryFolder folder_;
  ReadLog log_;
  std::vector<Sample> samples_;
  std::string problems_;
};

TEST_F(MetadataSamplesTest, PromptsThatAreNoText) {
  Read(
      "{\"video\": \"clip-1.mp4\", \"prompt\": [\"a\", \"b\"]}\n"
      "{\"video\": \"clip-2.mp4\", \"prompt\": null}\n"
      "{\"video\": \"clip-3.mp4\", \"prompt\": 12}\n"
      "{\"video\": [\"clip-1.mp4\"], \"prompt\": \"a\"}\n");
  EXPECT_EQ(problems_,
            "m.jsonl:1: the prompt is a list; expected one text\n"
            "m.jsonl:2: the prompt is null; expected one text\n"
            "m.jsonl:3: the prompt is a number; expected one text\n"
            "m.jsonl:4: video is a list; expected the path of one file");
}

TEST_F(MetadataSamplesTest, AFileWithoutTheColumnsHasOneProblem) {
  std::string text;
  for (int i = 0; i < 828; ++i) {
    text += "{\"Video\": \"clip-1.mp4\", \"Prompt\": \"x\"}\n";
  }
  Read(text);
  EXPECT_EQ(problems_,
            "m.jsonl:1: column names have small letters here: write 'Prompt' "
            "and 'Video' as prompt and video");
}

TEST_F(MetadataSamplesTest, ColumnsThatNothingReadsAreSaidOnce) {
  Read(
      "video,input_image,end_image,width,prompt\n"
      "clip-1.mp4,a.png,b.png,16,one\nclip-2.mp4,a.png,,16,two\n"
      "clip-3.mp4,,,16,three\n",
      "m.csv");
  EXPECT_EQ(problems_, "");
  EXPECT_EQ(samples_.size(), 3u);
  EXPECT_THAT(log_.Warnings(),
              ElementsAre("m.csv: the columns end_image, input_image are not "
                          "read; samples are made of prompt, video alone"));
  Read(
      "{\"video\": \"clip-1.mp4\", \"prompt\": \"x\", \"control\": "
      "[\"a.png\"]}");
  EXPECT_THAT(log_.Warnings()[0], HasSubstr("the column control is not read"));
}

// Other trainers cut, repeat and sample by them.
TEST_F(MetadataSamplesTest, NumbersThatNothingReadsAreSaid) {
  Read(
      "{\"video\": \"clip-1.mp4\", \"prompt\": \"x\", \"start\": 0.5, \"end\": "
      "2, \"crop\": true, \"num_repeats\": 3, \"fps\": 16, \"height\": 480, "
      "\"multiplier\": null}\n");
  EXPECT_EQ(problems_, "");
  EXPECT_THAT(log_.Warnings()[0],
              HasSubstr("the columns crop, end, fps, num_repeats, start are "
                        "not read; samples are made of prompt, video alone"));
  Read("video,num_frames,repeats,prompt\nclip-1.mp4,81,2,x\n", "m.csv");
  EXPECT_THAT(log_.Warnings()[0],
              HasSubstr("the columns num_frames, repeats are not read"));
}

TEST_F(MetadataSamplesTest, PicturesWithEmptyCells) {
  folder_.Write("a.png", "x");
  Read("image,video,prompt\na.png,,one\n,clip-1.mp4,two\n", "m.csv");
  EXPECT_EQ(problems_, "");
  ASSERT_EQ(samples_.size(), 2u);
  EXPECT_TRUE(samples_[0].is_image);
  EXPECT_FALSE(samples_[1].is_image);
}

TEST_F(MetadataSamplesTest, TwoFilesInARow) {
  Read("video,image,prompt\nclip-1.mp4,clip-1.png,x\n", "m.csv");
  EXPECT_EQ(problems_, "m.csv:2: names a video and an image; expected one");
  Read("file_name,video_path,text\nclip-1.mp4,clip-2.mp4,x\n", "m.csv");
  EXPECT_EQ(problems_,
            "m.csv:2: file_name and video_path name two files; expected one");
  Read("file_name,video,text\nx.mp4,clip-2.mp4,x\n", "m.csv");
  EXPECT_EQ(problems_, "");
  EXPECT_THAT(log_.Warnings()[0],
              HasSubstr("the column file_name is not read"));
}

TEST_F(MetadataSamplesTest, RowsThatRepeatAClipAreSaid) {
  Read(
      "video,prompt\nclip-1.mp4,one\nclip-2.mp4,two\n./clip-1.mp4,one\n"
      "clip-1.mp4,other\nclip-3.mp4,three\n",
      "m.csv");
  EXPECT_EQ(samples_.size(), 5u);
  EXPECT_THAT(
      log_.Warnings(),
      ElementsAre("m.csv:4: clip-1.mp4 is named again; the first time was "
                  "m.csv:2 (and 1 more such rows): each row is a sample, so "
                  "the clip is trained that much more"));
}

TEST_F(MetadataSamplesTest, SeveralCaptionsOfAClipAreASampleEach) {
  Read(
      "{\"clip-1.mp4\": [\"one\", \"two\"], \"clip-2.mp4\": [\"three\"],\n"
      "\"clip-3.mp4\": [\"four\"]}",
      "captions.json");
  EXPECT_EQ(problems_, "");
  ASSERT_EQ(samples_.size(), 4u);
  EXPECT_EQ(samples_[0].media_path, samples_[1].media_path);
  EXPECT_EQ(samples_[1].prompt, "two");
  EXPECT_EQ(samples_[1].row, 1);
  EXPECT_THAT(log_.Warnings(),
              ElementsAre(HasSubstr("each of them is a sample, 4 instead of "
                                    "3")));
}

TEST_F(MetadataSamplesTest, ClipsBesideThoseThatAreNamedAreSaid) {
  folder_.Write("clip-1.txt", "another caption");
  folder_.Write("control/clip-1.mp4", "x");
  folder_.Write("._clip-9.mp4", "x");
  Read("video,prompt\nclip-1.mp4,one\n", "m.csv");
  EXPECT_EQ(samples_.size(), 1u);
  EXPECT_THAT(log_.Warnings(),
              ElementsAre(HasSubstr("does not name 2 of the clips and images"),
                          HasSubstr("1 .txt files beside the clips are not "
                                    "read")));
}

// As of a data set in parts, each with its list: the job names one of them.
TEST_F(MetadataSamplesTest, ClipsOfOtherFoldersAreSaidOfAListThatIsNamed) {
  folder_.Write("train/a.mp4", "x");
  folder_.Write("validation/b.mp4", "x");
  const auto rows =
      ParseMetadataRows("video,prompt\ntrain/a.mp4,one\n", "m.csv");
  const auto warnings_with = [&](const std::string& metadata) {
    ReadLog log;
    EXPECT_EQ(
        SamplesOfRows(*rows, {.root = folder_.path(), .metadata = metadata},
                      "m.csv", "", &log)
            .size(),
        1u);
    return log.Warnings();
  };
  EXPECT_THAT(warnings_with(""), IsEmpty());
  EXPECT_THAT(warnings_with("m.csv"),
              ElementsAre(HasSubstr("does not name 4 of the clips and images "
                                    "that lie in data.path or beside those")));
}

TEST_F(MetadataSamplesTest, PromptsOfCsvAreChecked) {
  Read("video,prompt\nclip-1.mp4,\nclip-2.mp4,nan\nclip-3.mp4,bars\n", "m.csv");
  EXPECT_EQ(problems_, "m.csv:2: the prompt is empty");
  EXPECT_THAT(log_.Warnings()[0], HasSubstr("m.csv:3: the prompt is 'nan'"));
}

TEST_F(MetadataSamplesTest, ARowWithinAPromptIsAMissingQuote) {
  Read(
      "video,prompt\nclip-1.mp4,\"a cat\nclip-2.mp4,a dog\n"
      "clip-3.mp4,a fish\"\n",
      "m.csv");
  EXPECT_EQ(problems_,
            "m.csv:2: the prompt goes on in other lines, one of which looks "
            "like the row of clip-2.mp4: a quote is missing");
  Read("video,prompt\nclip-1.mp4,\"a cat,\nsitting, alone\"\n", "m.csv");
  EXPECT_EQ(problems_, "");
}

TEST_F(MetadataSamplesTest, LinkedClipsDoNotBringTheirNeighbours) {
  TemporaryFolder pool;
  pool.Write("a.mp4", "x");
  pool.Write("b.mp4", "x");
  folder_.Write("set/only.txt", "x");
  std::filesystem::create_symlink(pool / "a.mp4", folder_ / "set/a.mp4");
  Read("video,prompt\nset/a.mp4,one\n", "m.csv");
  EXPECT_EQ(problems_, "");
  EXPECT_THAT(log_.Warnings(), IsEmpty());
}

TEST_F(MetadataSamplesTest, NothingIsSaidOfAPlainFile) {
  Read(
      ",video,prompt\n0,clip-1.mp4,a test card\n1,clip-2.mp4,bars\n"
      "2,clip-3.mp4,zoom\n",
      "m.csv");
  EXPECT_EQ(samples_.size(), 3u);
  EXPECT_THAT(log_.Warnings(), IsEmpty());
}

}  // namespace
}  // namespace halfpipe
