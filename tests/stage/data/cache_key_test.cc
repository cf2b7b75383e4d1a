#include "stage/data/cache_key.h"

#include <set>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(CacheKeyTest, EveryPartOfTheLatentsCounts) {
  LatentsKeyParts base{.media_digest = "m",
                       .height = 480,
                       .width = 832,
                       .max_pixels = 1,
                       .frames = 49,
                       .vae_digest = "v",
                       .conditioning = "none",
                       .clip_digest = ""};
  std::set<std::string> keys = {LatentsKey(base)};
  auto add = [&](auto edit) {
    LatentsKeyParts parts = base;
    edit(parts);
    EXPECT_TRUE(keys.insert(LatentsKey(parts)).second);
  };
  add([](LatentsKeyParts& p) { p.media_digest += "x"; });
  add([](LatentsKeyParts& p) { p.height = 832; });
  add([](LatentsKeyParts& p) { p.width = 480; });
  add([](LatentsKeyParts& p) { p.max_pixels = 2; });
  add([](LatentsKeyParts& p) { p.frames = 33; });
  add([](LatentsKeyParts& p) { p.vae_digest += "x"; });
  add([](LatentsKeyParts& p) { p.conditioning += "x"; });
  add([](LatentsKeyParts& p) { p.clip_digest += "x"; });
  add([](LatentsKeyParts& p) { p.reading += "x"; });
  EXPECT_EQ(keys.begin()->size(), 64u);
  EXPECT_EQ(LatentsKey(base), LatentsKey(base));
}

// The keys of the first releases, whose caches are still used.
TEST(CacheKeyTest, MediaThatAreReadAsEverKeepTheirKeys) {
  LatentsKeyParts parts{.media_digest = "m",
                        .height = 480,
                        .width = 832,
                        .max_pixels = 1,
                        .frames = 49,
                        .vae_digest = "v",
                        .conditioning = "none",
                        .clip_digest = "",
                        .reading = ReadingOf({.frames = 100}, {.frames = 49})};
  EXPECT_EQ(LatentsKey(parts),
            "7c47b6e9177019a88d825061d47be2e53083bccf895b42f197dcea8b21f62ec6");
  parts.frames = 1;
  parts.conditioning = "first_frame";
  parts.reading = ReadingOf({.is_picture = true}, {.frames = 1});
  EXPECT_EQ(LatentsKey(parts),
            "f4017c2ad1dcb123ee9bd30b5d45763c4f0a4e2724949a49ff082bae50388286");
}

TEST(CacheKeyTest, AReadingIsNamedWhereItChanged) {
  const MediaFacts turned_clip{.is_turned = true};
  EXPECT_EQ(ReadingOf(turned_clip, {.frames = 81}), "");
  EXPECT_EQ(ReadingOf(turned_clip, {.frames = 1}), "turned");
  const MediaFacts turned_picture{.is_picture = true, .is_turned = true};
  EXPECT_EQ(ReadingOf(turned_picture, {.frames = 81}), "turned");
  EXPECT_EQ(ReadingOf(turned_picture, {.frames = 1}), "turned");
  EXPECT_EQ(ReadingOf({.is_hdr = true}, {.frames = 81}), "tone-mapped");
  EXPECT_EQ(ReadingOf({.is_anamorphic = true}, {.frames = 81}),
            "square pixels");
  EXPECT_EQ(ReadingOf({.is_interlaced = true}, {.frames = 81}), "");
  EXPECT_EQ(ReadingOf({.is_picture = true, .is_heif = true}, {.frames = 1}),
            "heif");
  const MediaFacts late{.first_transparent_frame = 9};
  EXPECT_EQ(ReadingOf(late, {.frames = 9}), "");
  EXPECT_EQ(ReadingOf(late, {.frames = 13}), "over 000000");
  EXPECT_EQ(ReadingOf(late, {.frames = 13, .background = 0x12ABEF}),
            "over 12abef");
  EXPECT_EQ(ReadingOf(late, {.frames = 13, .refuse_alpha = true}), "no alpha");
  EXPECT_EQ(ReadingOf({.is_picture = true,
                       .is_turned = true,
                       .first_transparent_frame = 0,
                       .is_hdr = true},
                      {.frames = 1}),
            "turned, over 000000, tone-mapped");
}

TEST(CacheKeyTest, PartsOfAContextCannotRunIntoEachOther) {
  EXPECT_NE(ContextKey("ab", "c", "d"), ContextKey("a", "bc", "d"));
  EXPECT_NE(ContextKey("a", "c", "d"), ContextKey("a", "d", "c"));
  EXPECT_EQ(ContextKey("a", "b", "c"), ContextKey("a", "b", "c"));
}

}  // namespace
}  // namespace halfpipe
