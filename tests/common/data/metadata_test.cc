#include "common/data/metadata.h"

#include <string>

#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

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
                "\n" + m +
                ":4: 'a.xyz' is no known kind of media; expected mp4, avi, "
                "mov, wmv, mkv, flv, webm, gif, jpg, jpeg, png, webp or bmp\n" +
                m + ":5: has no prompt\n" + m +
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
                (folder / "latin.txt") +
                ": the prompt is not UTF-8; convert the file\n" +
                (folder / "lost.txt") +
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
}

}  // namespace
}  // namespace halfpipe
