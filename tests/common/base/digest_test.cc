#include "common/base/digest.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

// FIPS 180-2, appendix B.1.
TEST(Sha256Test, MatchesThePublishedVector) {
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, PiecesEqualTheWhole) {
  Sha256 sha;
  sha.Update("a");
  sha.Update("bc");
  EXPECT_EQ(sha.HexDigest(), Sha256Hex("abc"));
}

TEST(Sha256Test, MissingFileIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Sha256OfFile("/no/such/file").status()));
}

}  // namespace
}  // namespace halfpipe
