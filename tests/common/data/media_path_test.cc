#include "common/data/media_path.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(MediaPathTest, KindsByExtension) {
  EXPECT_EQ(MediaKindOf("a/b.MP4"), MediaKind::kVideo);
  EXPECT_EQ(MediaKindOf("b.webm"), MediaKind::kVideo);
  EXPECT_EQ(MediaKindOf("b.JPeG"), MediaKind::kImage);
  for (const char* clip :
       {"a.m4v", "a.ts", "a.MTS", "a.mpg", "a.mpeg", "a.apng"}) {
    EXPECT_EQ(MediaKindOf(clip), MediaKind::kVideo) << clip;
  }
  for (const char* picture :
       {"a.avif", "a.HEIC", "a.heif", "a.tif", "a.tiff"}) {
    EXPECT_EQ(MediaKindOf(picture), MediaKind::kImage) << picture;
  }
  EXPECT_EQ(MediaKindOf("b.txt"), MediaKind::kOther);
  EXPECT_EQ(MediaKindOf("mp4"), MediaKind::kOther);
}

TEST(MediaPathTest, PathsStayInTheRoot) {
  EXPECT_EQ(*PathInRoot("/data", "a/../b.mp4"), "/data/b.mp4");
  EXPECT_EQ(*PathInRoot("/data/", "/data/x/b.mp4"), "/data/x/b.mp4");
  EXPECT_EQ(*PathInRoot("rel", "b.mp4"), "rel/b.mp4");
  for (const char* bad : {"../b.mp4", "a/../../b.mp4", "/etc/b.mp4",
                          "/database/b.mp4", "http://x/b.mp4"}) {
    EXPECT_FALSE(PathInRoot("/data", bad).ok()) << bad;
  }
}

TEST(MediaPathTest, Utf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("a \xC3\xA4 \xE4\xB8\xAD \xF0\x9F\x98\x80"));
  for (const char* bad :
       {"\xFF", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF4\x90\x80\x80", "\x80", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace halfpipe
