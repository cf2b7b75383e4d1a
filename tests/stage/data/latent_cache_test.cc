#include "stage/data/latent_cache.h"

#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(LatentCacheTest, KnowsItsEntries) {
  TemporaryFolder folder;
  auto cache = LatentCache::Open(folder / "a/b");
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(cache->PathOf(CacheKind::kLatents, "k"),
            folder / "a/b/latents-k.safetensors");
  EXPECT_FALSE(cache->Has(CacheKind::kLatents, "k"));
  folder.Write("a/b/latents-k.safetensors", "x");
  folder.Write("a/b/context-e.safetensors", "");
  EXPECT_TRUE(cache->Has(CacheKind::kLatents, "k"));
  EXPECT_FALSE(cache->Has(CacheKind::kContext, "k"));
  EXPECT_FALSE(cache->Has(CacheKind::kContext, "e"));  // empty: no entry
}

TEST(LatentCacheTest, AFolderThatCannotBeMadeNamesTheSetting) {
  TemporaryFolder folder;
  folder.Write("file", "x");
  auto cache = LatentCache::Open(folder / "file/cache");
  EXPECT_TRUE(absl::IsInvalidArgument(cache.status())) << cache.status();
  EXPECT_THAT(std::string(cache.status().message()),
              ::testing::HasSubstr("data.cache_dir"));
}

}  // namespace
}  // namespace halfpipe
