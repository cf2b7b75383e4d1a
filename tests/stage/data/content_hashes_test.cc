#include "stage/data/content_hashes.h"

#include <chrono>
#include <filesystem>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// The index remembers only files that rest.
void Age(const std::string& path, int seconds) {
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() -
                std::chrono::seconds(seconds));
}

TEST(ContentHashesTest, RemembersFilesThatDidNotChange) {
  TemporaryFolder folder;
  std::string clip = folder.Write("clip.mp4", "content");
  std::string index = folder / "index.jsonl";
  Age(clip, 100);
  {
    ContentHashes hashes(index);
    EXPECT_EQ(*hashes.DigestOf(clip), Sha256Hex("content"));
    ASSERT_TRUE(hashes.Save().ok());
  }
  // A forged index shows that the file is not read again ...
  std::string text = *ReadFile(index);
  EXPECT_THAT(text, HasSubstr(Sha256Hex("content")));
  std::string forged(64, 'a');
  text.replace(text.find(Sha256Hex("content")), 64, forged);
  folder.Write("index.jsonl", text + "{\"path\": 3}\nnot json\n");
  ContentHashes again(index);
  EXPECT_EQ(*again.DigestOf(clip), forged);
  // ... until its time of change differs.
  Age(clip, 50);
  EXPECT_EQ(*again.DigestOf(clip), Sha256Hex("content"));
}

TEST(ContentHashesTest, AFileThatJustChangedIsNotRemembered) {
  TemporaryFolder folder;
  std::string clip = folder.Write("clip.mp4", "content");
  ContentHashes hashes(folder / "index.jsonl");
  EXPECT_EQ(*hashes.DigestOf(clip), Sha256Hex("content"));
  ASSERT_TRUE(hashes.Save().ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "index.jsonl"));
}

TEST(ContentHashesTest, FoldersHashTheirNamesAndContents) {
  TemporaryFolder folder;
  folder.Write("m/a.safetensors", "1");
  folder.Write("m/b/c.safetensors", "2");
  ContentHashes hashes(folder / "index.jsonl");
  std::string digest = *hashes.DigestOf(folder / "m");
  EXPECT_EQ(digest.size(), 64u);
  folder.Write("m/.hidden", "x");
  EXPECT_EQ(*hashes.DigestOf(folder / "m"), digest);
  std::filesystem::rename(folder / "m/a.safetensors",
                          folder / "m/z.safetensors");
  EXPECT_NE(*hashes.DigestOf(folder / "m"), digest);
}

TEST(ContentHashesTest, MissingFile) {
  TemporaryFolder folder;
  ContentHashes hashes(folder / "index.jsonl");
  EXPECT_EQ(hashes.DigestOf(folder / "no").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace halfpipe
