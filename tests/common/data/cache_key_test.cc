#include "common/data/cache_key.h"

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
  EXPECT_EQ(keys.begin()->size(), 64u);
  EXPECT_EQ(LatentsKey(base), LatentsKey(base));
}

TEST(CacheKeyTest, PartsOfAContextCannotRunIntoEachOther) {
  EXPECT_NE(ContextKey("ab", "c", "d"), ContextKey("a", "bc", "d"));
  EXPECT_NE(ContextKey("a", "c", "d"), ContextKey("a", "d", "c"));
  EXPECT_EQ(ContextKey("a", "b", "c"), ContextKey("a", "b", "c"));
}

}  // namespace
}  // namespace halfpipe
