#include "common/data/metadata.h"

#include <string>

#include "common/data/media_path.h"
#include "common/data/readable_text.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string MessageOf(const DataSource& source) {
  auto samples = LoadSamples(source);
  return samples.ok() ? "" : std::string(samples.status().message());
}

TEST(MetadataTest, CsvWithVideosAndImages) {
  TemporaryFolder folder;
  folder.Write("clips/a.mp4", "x");
  folder.Write("b.png", "x");
  folder.Write("metadata.csv",
               "video,image,prompt\nclips/a.mp4,,\" a cat, \"\n,b.png,dog\n");
  auto samples = LoadSamples({.root = folder.path(), .metadata = ""});
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 2u);
  EXPECT_EQ((*samples)[0].media_path, folder / "clips/a.mp4");
  EXPECT_EQ((*samples)[0].prompt, "a cat,");
  EXPECT_FALSE((*samples)[0].is_image);
  EXPECT_TRUE((*samples)[1].is_image);
  EXPECT_EQ((*samples)[1].row, 1);
  EXPECT_EQ((*samples)[1].where, (folder / "metadata.csv") + ":3");
}

TEST(MetadataTest, EveryProblemAtOnce) {
  TemporaryFolder folder;
  folder.Write("a.mp4", "x");
  folder.Write("a.xyz", "x");
  folder.Write("m.jsonl",
               "{\"video\": \"missing.mp4\", \"prompt\": \"p\"}\n"
               "{\"video\": \"a.mp4\", \"prompt\": \"  \"}\n"
               "{\"video\": \"../a.mp4\", \"prompt\": \"p\"}\n"
               "{\"video\": \"a.xyz\", \"prompt\": \"p\"}\n"
               "{\"clip\": \"a.mp4\"}\n"
               "{\"video\": \"a.mp4\", \"image\": \"b.png\", \"prompt\": "
               "\"p\"}\n"
               "{\"video\": \"a.mp4\", \"prompt\": \"fine\"}\n");
  std::string m = folder / "m.jsonl";
  EXPECT_EQ(MessageOf({.root = folder.path(), .metadata = "m.jsonl"}),
            m + ":1: " + (folder / "missing.mp4") + " does not exist\n" + m +
                ":2: the prompt is empty\n" + m +
                ":3: '../a.mp4' is outside the data folder " + folder.path() +
                "\n" + m + ":4: 'a.xyz' is no known kind of media; expected " +
                KnownMediaKinds() + " (a.mp4 is there)\n" + m +
                ":5: has no prompt\n" + m +
                ":5: names no video or image (columns with text: clip)\n" + m +
                ":6: names a video and an image; expected one");
}

TEST(MetadataTest, FolderWithCaptions) {
  TemporaryFolder folder;
  folder.Write("b.mp4", "x");
  folder.Write("b.txt", "the b\n");
  folder.Write("sub/a.jpg", "x");
  folder.Write("sub/a.txt", "the a");
  folder.Write(".halfpipe-cache/latents-0.safetensors", "x");
  folder.Write(".hidden.mp4", "x");
  folder.Write("notes.md", "x");
  auto samples = LoadSamples({.root = folder.path(), .metadata = ""});
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 2u);
  EXPECT_EQ((*samples)[0].prompt, "the b");
  EXPECT_EQ((*samples)[1].media_path, folder / "sub/a.jpg");
  EXPECT_TRUE((*samples)[1].is_image);
}

TEST(MetadataTest, FolderProblems) {
  TemporaryFolder folder;
  folder.Write("alone.mp4", "x");
  folder.Write("lost.txt", "a caption");
  folder.Write("empty.mp4", "x");
  folder.Write("empty.txt", " \n");
  folder.Write("latin.mp4", "x");
  folder.Write("latin.txt", "caf\xE9");
  EXPECT_EQ(MessageOf({.root = folder.path(), .metadata = ""}),
            (folder / "alone.mp4") +
                ": has no caption; expected alone.txt beside it\n" +
                (folder / "empty.txt") + ": the prompt is empty\n" +
                (folder / "latin.txt") + ": the prompt " +
                TextProblem("caf\xE9") + "\n" + (folder / "lost.txt") +
                ": is a caption without its clip; expected a clip or image "
                "of the same name beside it");
}

TEST(MetadataTest, MissingFilesMayBeLeftOutAndListed) {
  TemporaryFolder folder;
  folder.Write("a.mp4", "x");
  folder.Write("metadata.csv", "video,prompt\na.mp4,one\ngone.mp4,two\n");
  std::vector<std::string> missing;
  auto samples =
      LoadSamples({.root = folder.path(), .metadata = "", .missing = &missing});
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_EQ(samples->size(), 1u);
  EXPECT_EQ(missing, (std::vector<std::string>{(folder / "metadata.csv") +
                                               ":3: gone.mp4 does not exist"}));
  // What is wrong with a row itself stays a problem.
  folder.Write("metadata.csv", "video,prompt\na.mp4,\ngone.mp4,two\n");
  missing.clear();
  EXPECT_FALSE(
      LoadSamples({.root = folder.path(), .metadata = "", .missing = &missing})
          .ok());
}

// The files are what is wrong, not the rows.
TEST(MetadataTest, WithNoFileLeftEachOneIsNamed) {
  TemporaryFolder folder;
  folder.Write("metadata.csv", "video,prompt\ngone.mp4,one\nlost.mp4,two\n");
  std::vector<std::string> missing;
  const std::string file = folder / "metadata.csv";
  EXPECT_EQ(
      MessageOf({.root = folder.path(), .metadata = "", .missing = &missing}),
      file + ": holds no samples: the file of every row is missing\n" + file +
          ":2: gone.mp4 does not exist\n" + file +
          ":3: lost.mp4 does not exist");
}

TEST(MetadataTest, AMessageIsShorterThanTheFile) {
  TemporaryFolder folder;
  folder.Write("metadata.csv", std::string(1 << 20, 'x') + "\n");
  EXPECT_LT(MessageOf({.root = folder.path(), .metadata = ""}).size(), 10000u);
  folder.Write("clip.mp4", "x");
  folder.Write("metadata.csv", "video,prompt\nclip.mp4,\"" +
                                   std::string(2 << 20, 'x') + "\"\n");
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = ""}),
              HasSubstr("metadata.csv:2: the prompt has 2097152 bytes"));
}

TEST(MetadataTest, ListsThatAreNotReadAreNamed) {
  TemporaryFolder folder;
  folder.Write("a.mp4", "x");
  folder.Write("b.png", "x");
  folder.Write("videos.txt", "a.mp4\n");
  folder.Write("images.txt", "b.png\n");
  folder.Write("prompts.txt", "one\n");
  std::vector<std::string> warnings;
  const DataSource source{.root = folder.path(),
                          .metadata = "",
                          .missing = nullptr,
                          .warnings = &warnings};
  ASSERT_TRUE(LoadSamples(source).ok());
  EXPECT_THAT(warnings, ::testing::Contains((folder / "images.txt") +
                                            ": is not read, as videos.txt and "
                                            "prompts.txt are"));
  const auto images =
      LoadSamples({.root = folder.path(), .metadata = "images.txt"});
  ASSERT_TRUE(images.ok()) << images.status();
  EXPECT_EQ(images->at(0).media_path, folder / "b.png");
  folder.Write("a.txt", "beside");
  folder.Write("b.txt", "beside");
  warnings.clear();
  ASSERT_TRUE(LoadSamples(source).ok());
  EXPECT_THAT(warnings, ::testing::Contains(HasSubstr(
                            "videos.txt: is not read, as clips have .txt")));
}

TEST(MetadataTest, NothingThere) {
  TemporaryFolder folder;
  EXPECT_EQ(
      LoadSamples({.root = folder / "no", .metadata = ""}).status().code(),
      absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadSamples({.root = folder.path(), .metadata = "no.csv"})
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = ""}),
              ::testing::HasSubstr("holds no samples"));
  folder.Write("clips.zip", "PK");
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = ""}),
              AllOf(HasSubstr("holds no samples"),
                    HasSubstr("clips.zip: is not read: unpack it")));
  folder.Write("metadata.csv", "video,prompt\n");
  EXPECT_EQ(MessageOf({.root = folder.path(), .metadata = ""}),
            (folder / "metadata.csv") +
                ": holds no samples; expected a row for each clip");
}

TEST(MetadataTest, RootsThatAreNoFolder) {
  TemporaryFolder folder;
  const std::string clip = folder.Write("clip.mp4", "x");
  EXPECT_EQ(MessageOf({.root = clip, .metadata = ""}),
            "data.path: " + clip +
                " is a file; expected the folder that the clips lie in");
  EXPECT_EQ(MessageOf({.root = folder / "gone", .metadata = ""}),
            "data.path: " + (folder / "gone") + " does not exist");
  std::filesystem::create_symlink("/nowhere", folder / "link");
  EXPECT_THAT(MessageOf({.root = folder / "link", .metadata = ""}),
              HasSubstr("is a link to /nowhere, which does not exist"));
}

TEST(MetadataTest, ALinkedRootAndRowsWithTheRealPath) {
  TemporaryFolder outer;
  const std::string clip = outer.Write("set/clip.mp4", "x");
  outer.Write("set/metadata.csv", "video,prompt\n" + clip + ",one\n");
  std::filesystem::create_directory_symlink("set", outer / "link");
  std::vector<std::string> warnings;
  const auto samples = LoadSamples({.root = outer / "link",
                                    .metadata = "",
                                    .missing = nullptr,
                                    .warnings = &warnings});
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->size(), 1u);
  EXPECT_EQ((*samples)[0].media_path, clip);
  EXPECT_THAT(warnings, ::testing::IsEmpty());
}

TEST(MetadataTest, WhatOthersCallTheirFiles) {
  const auto samples_of = [](const std::string& name, const std::string& text) {
    TemporaryFolder folder;
    folder.Write("clip-1.mp4", "x");
    folder.Write("clip-2.mp4", "x");
    folder.Write(name, text);
    const auto samples = LoadSamples({.root = folder.path(), .metadata = ""});
    EXPECT_TRUE(samples.ok()) << name << ": " << samples.status();
    std::vector<std::string> prompts;
    if (samples.ok()) {
      for (const Sample& sample : *samples) prompts.push_back(sample.prompt);
    }
    return prompts;
  };
  const std::vector<std::string> both = {"one", "two"};
  EXPECT_EQ(samples_of("metadata.csv",
                       "file_name,text\nclip-1.mp4,one\nclip-2.mp4,two\n"),
            both);
  EXPECT_EQ(samples_of("Metadata.CSV",
                       "video,prompt\nclip-1.mp4,one\nclip-2.mp4,two\n"),
            both);
  EXPECT_EQ(samples_of("metadata.jsonl",
                       "{\"video_path\": \"clip-1.mp4\", \"caption\": "
                       "\"one\"}\n{\"video_path\": \"clip-2.mp4\", "
                       "\"caption\": \"two\"}\n"),
            both);
  EXPECT_EQ(samples_of("metadata.json",
                       "[{\"file_path\": \"clip-1.mp4\", \"text\": \"one\", "
                       "\"type\": \"video\"},\n{\"file_path\": "
                       "\"clip-2.mp4\", \"text\": \"two\"}]"),
            both);
  EXPECT_EQ(samples_of("captions.json",
                       "{\"clip-1.mp4\": [\"one\"], \"clip-2.mp4\": "
                       "[\"two\"]}"),
            both);
}

TEST(MetadataTest, ListsOfClipsAndCaptions) {
  TemporaryFolder folder;
  folder.Write("videos/clip-1.mp4", "x");
  folder.Write("videos/clip-2.mp4", "x");
  folder.Write("videos.txt", "videos/clip-1.mp4\nvideos/clip-2.mp4\n");
  folder.Write("prompts.txt", "one\ntwo\n");
  folder.Write("LICENSE.txt", "licence\n");
  for (const char* metadata : {"", "videos.txt", "prompts.txt"}) {
    const auto samples =
        LoadSamples({.root = folder.path(), .metadata = metadata});
    ASSERT_TRUE(samples.ok()) << samples.status();
    ASSERT_EQ(samples->size(), 2u);
    EXPECT_EQ((*samples)[1].prompt, "two");
    EXPECT_EQ((*samples)[1].where, (folder / "videos.txt") + ":2");
  }
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = "LICENSE.txt"}),
              HasSubstr("expected .csv, .json or .jsonl, or two lists"));
  folder.Write("prompts.txt", "one\n\xEF\xBB\xBF\n");
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = ""}),
              HasSubstr("videos.txt: has 2 lines"));
}

// A data set that was read before keeps its samples.
TEST(MetadataTest, CaptionsBesideClipsComeBeforeListsThatNobodyNamed) {
  TemporaryFolder folder;
  folder.Write("clip-1.mp4", "x");
  folder.Write("clip-1.txt", "beside");
  folder.Write("captions.json", "{\"clip-1.mp4\": [\"in the list\"]}");
  std::vector<std::string> warnings;
  DataSource source{.root = folder.path(),
                    .metadata = "",
                    .missing = nullptr,
                    .warnings = &warnings};
  EXPECT_EQ(LoadSamples(source)->at(0).prompt, "beside");
  EXPECT_THAT(warnings,
              ::testing::ElementsAre(HasSubstr("captions.json: is not read")));
  source.metadata = "captions.json";
  EXPECT_EQ(LoadSamples(source)->at(0).prompt, "in the list");
}

TEST(MetadataTest, UnrelatedJsonIsPassedOver) {
  TemporaryFolder folder;
  folder.Write("clip-1.mp4", "x");
  folder.Write("clip-1.txt", "beside");
  folder.Write("metadata.json", "{\"repo\": \"me/clips\"}");
  std::vector<std::string> warnings;
  const auto samples = LoadSamples({.root = folder.path(),
                                    .metadata = "",
                                    .missing = nullptr,
                                    .warnings = &warnings});
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(warnings,
              ::testing::ElementsAre(HasSubstr("metadata.json: is not read")));
  // Not where it was asked for, and not where nothing else is there.
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = "metadata.json"}),
              HasSubstr("metadata.json:1: expected a list of objects"));
  folder.Write("clip-2.mp4", "x");
  EXPECT_THAT(MessageOf({.root = folder.path(), .metadata = ""}),
              HasSubstr("metadata.json:1: expected a list of objects"));
}

TEST(MetadataTest, SeveralMetadataFiles) {
  TemporaryFolder folder;
  folder.Write("clip-1.mp4", "x");
  folder.Write("metadata.csv", "video,prompt\nclip-1.mp4,one\n");
  folder.Write("metadata.jsonl", "{}");
  std::vector<std::string> warnings;
  const auto samples = LoadSamples({.root = folder.path(),
                                    .metadata = "",
                                    .missing = nullptr,
                                    .warnings = &warnings});
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(warnings, ::testing::ElementsAre(HasSubstr(
                            "metadata.jsonl: is not read, as metadata.csv")));
}

// Whatever is in the folder: what leaves this library can be sent on.
TEST(MetadataTest, AllTextIsUtf8) {
  TemporaryFolder folder;
  folder.Write("caf\xE9.mp4", "x");
  folder.Write("caf\xE9.txt", "x");
  folder.Write("orphan\xE9.txt", "x");
  for (const auto& [root, metadata] :
       std::vector<std::pair<std::string, std::string>>{
           {folder.path(), ""},
           {folder / "no\xE9", ""},
           {folder.path(), "no\xE9.csv"},
           {folder.path(), "caf\xE9.mp4"},
           {folder.path(), "caf\xE9.txt"},
           {folder / "caf\xE9.mp4", ""}}) {
    const std::string message = MessageOf({.root = root, .metadata = metadata});
    EXPECT_NE(message, "");
    EXPECT_TRUE(IsUtf8(message)) << message;
    EXPECT_THAT(message, HasSubstr("\\xE9"));
  }
}

}  // namespace
}  // namespace halfpipe
