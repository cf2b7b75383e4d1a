
#include "common/data/media_path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(MediaKindsTest, Extensions) {
  EXPECT_EQ(ExtensionOf("a.b/c.D.MP4"), "mp4");
  EXPECT_EQ(ExtensionOf("a.b/c"), "");
  EXPECT_EQ(ExtensionOf("a/.hidden"), "");
  EXPECT_EQ(WithoutExtension("a.b/c.d.mp4"), "a.b/c.d");
  EXPECT_EQ(WithoutExtension("a.b/c"), "a.b/c");
  EXPECT_EQ(WithoutExtension("/x/.hidden"), "/x/.hidden");
}

TEST(MediaKindsTest, MediaThatAreReadOrNot) {
  for (const char* name : {"a.mp4", "a.MP4", "a.rmvb", "a.heic", "x/a.TS",
                           "a.CR3", "a.qoi", "a.hevc"}) {
    EXPECT_TRUE(IsNamedLikeMedia(name)) << name;
  }
  for (const char* name : {"a.txt", "mp4", "a.py", "a.json", "a"}) {
    EXPECT_FALSE(IsNamedLikeMedia(name)) << name;
  }
  EXPECT_TRUE(IsNamedLikeArchive("clips.zip"));
  EXPECT_FALSE(IsNamedLikeArchive("clips.mp4"));
}

// The message never names a kind that is refused.
TEST(MediaKindsTest, KnownKindsAreThoseThatAreRead) {
  const std::string kinds = KnownMediaKinds();
  EXPECT_THAT(kinds,
              ::testing::HasSubstr("mp4, avi, mov, wmv, mkv, flv, webm, gif"));
  EXPECT_THAT(kinds, ::testing::HasSubstr("jpg, jpeg, png, webp"));
  EXPECT_THAT(kinds, ::testing::HasSubstr(" or "));
  EXPECT_THAT(kinds, ::testing::Not(::testing::HasSubstr("rmvb")));
}

TEST(MediaKindsTest, Documentation) {
  for (const char* name :
       {"README.txt", "readme.txt", "README_zh.txt", "LICENSE.txt",
        "license-mit.txt", "x/Changelog.txt", "notes.txt", "prompts.txt"}) {
    EXPECT_TRUE(IsNamedLikeDocumentation(name)) << name;
  }
  for (const char* name : {"clip-1.txt", "notes on a cat.txt", "film.txt",
                           "relicense.txt", "000.txt"}) {
    EXPECT_FALSE(IsNamedLikeDocumentation(name)) << name;
  }
}

TEST(MediaKindsTest, WhatSystemsLeave) {
  for (const char* name : {".DS_Store", "._clip.mp4", "__MACOSX", "Thumbs.db",
                           "desktop.ini", "@eaDir", ".ipynb_checkpoints"}) {
    EXPECT_TRUE(IsLeftBySystem(name)) << name;
  }
  EXPECT_FALSE(IsLeftBySystem("clip.mp4"));
  EXPECT_FALSE(IsLeftBySystem("_clip.mp4"));
}

}  // namespace
}  // namespace halfpipe
