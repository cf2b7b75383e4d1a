#include "stage/data/media_facts_index.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

const std::string kDigest(64, 'a');
const std::string kOther(64, 'b');

TEST(MediaFactsIndexTest, FactsAreRememberedBetweenRuns) {
  TemporaryFolder folder;
  const MediaFacts facts{.is_picture = true,
                         .frames = 1,
                         .size = {48, 64},
                         .frames_per_second = 23.976,
                         .is_turned = true,
                         .first_transparent_frame = 3,
                         .is_hdr = true,
                         .is_heif = true,
                         .is_anamorphic = true,
                         .is_interlaced = true};
  MediaFactsIndex index(folder / "facts.jsonl");
  EXPECT_FALSE(index.Find(kDigest, 9).has_value());
  index.Remember(kDigest, 9, facts);
  index.Remember(kOther, 9, {});
  ASSERT_TRUE(index.Save().ok());
  const MediaFactsIndex again(folder / "facts.jsonl");
  EXPECT_EQ(again.Find(kDigest, 9), facts);
  EXPECT_EQ(again.Find(kOther, 9), MediaFacts{});
  EXPECT_FALSE(again.Find(std::string(64, 'c'), 9).has_value());
}

TEST(MediaFactsIndexTest, WhatCannotBeReadIsNotBelieved) {
  TemporaryFolder folder;
  MediaFactsIndex index(folder / "facts.jsonl");
  index.Remember(kDigest, 9, {});
  ASSERT_TRUE(index.Save().ok());
  const std::string line = *ReadFile(folder / "facts.jsonl");
  const std::string another_version =
      absl::StrReplaceAll(line, {{"\"version\":3", "\"version\":92"}});
  ASSERT_NE(another_version, line);
  for (const std::string& bad :
       {std::string("no JSON"), std::string("[1]"), line.substr(0, 40),
        another_version,
        absl::StrCat("{\"sha256\":\"", kDigest, "\",\"version\":3}")}) {
    folder.Write("bad.jsonl", bad);
    EXPECT_FALSE(
        MediaFactsIndex(folder / "bad.jsonl").Find(kDigest, 9).has_value())
        << bad;
  }
}

TEST(MediaFactsIndexTest, LaterFramesMayDiffer) {
  TemporaryFolder folder;
  MediaFactsIndex index(folder / "facts.jsonl");
  index.Remember(kDigest, 9, {});
  index.Remember(kOther, 9, {.first_transparent_frame = 8});
  EXPECT_TRUE(index.Find(kDigest, 5).has_value());
  EXPECT_TRUE(index.Find(kDigest, 9).has_value());
  EXPECT_FALSE(index.Find(kDigest, 13).has_value());
  EXPECT_TRUE(index.Find(kOther, 13).has_value());
}

TEST(MediaFactsIndexTest, NothingNewIsNotWritten) {
  TemporaryFolder folder;
  MediaFactsIndex index(folder / "facts.jsonl");
  EXPECT_TRUE(index.Save().ok());
  EXPECT_FALSE(ReadFile(folder / "facts.jsonl").ok());
}

}  // namespace
}  // namespace halfpipe
