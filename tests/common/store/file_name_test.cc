#include <gtest/gtest.h>

#include "common/store/archive_contents.h"

namespace halfpipe {
namespace {

TEST(FileNameTest, APlainNameStaysInItsFolder) {
  for (const char* name : {"a", "a.safetensors", "...", ".hidden", "a b"}) {
    EXPECT_TRUE(IsPlainFileName(name)) << name;
  }
  for (const char* name : {"", ".", "..", "/a", "a/b", "../a", "a/"}) {
    EXPECT_FALSE(IsPlainFileName(name)) << name;
  }
  EXPECT_FALSE(IsPlainFileName(absl::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace halfpipe
