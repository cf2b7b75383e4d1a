#include "stage/link/join_pattern.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

LinkOptions Options(int32_t rank, int64_t epoch, const std::string& digest) {
  LinkOptions options;
  options.rank = Rank(rank);
  options.epoch = Epoch(epoch);
  options.boundary_digest = digest;
  return options;
}

TEST(JoinPatternTest, GreetingsOfOnePairAgree) {
  EXPECT_TRUE(CheckGreeting(MakeGreeting(Options(0, 3, "ab"), "nonce"),
                            MakeGreeting(Options(1, 3, "ab"), "nonce"), Rank(1))
                  .ok());
}

TEST(JoinPatternTest, TheNeighbourMayHaveAnyRank) {
  const JoinGreeting mine = MakeGreeting(Options(0, 3, "ab"), "nonce");
  const JoinGreeting theirs = MakeGreeting(Options(3, 3, "ab"), "nonce");
  EXPECT_TRUE(CheckGreeting(mine, theirs, Rank(3)).ok());
  EXPECT_NE(CheckGreeting(mine, theirs, Rank(1)).message().find("rank"),
            absl::string_view::npos);
}

TEST(JoinPatternTest, WhateverDiffersIsNamed) {
  const JoinGreeting mine = MakeGreeting(Options(0, 3, "ab"), "nonce");
  const auto error = [&](const JoinGreeting& theirs) {
    const absl::Status status = CheckGreeting(mine, theirs, Rank(1));
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    return std::string(status.message());
  };
  EXPECT_NE(error(MakeGreeting(Options(0, 3, "ab"), "nonce")).find("rank"),
            std::string::npos);
  EXPECT_NE(error(MakeGreeting(Options(1, 4, "ab"), "nonce"))
                .find("epoch is 3 here and 4 at the peer"),
            std::string::npos);
  EXPECT_NE(error(MakeGreeting(Options(1, 3, "cd"), "nonce"))
                .find("boundary is ab here and cd"),
            std::string::npos);
  EXPECT_NE(error(MakeGreeting(Options(1, 3, "ab"), "x")).find("rendezvous"),
            std::string::npos);
  JoinGreeting future = MakeGreeting(Options(1, 3, "ab"), "nonce");
  ++future.version;
  EXPECT_NE(error(future).find("protocol"), std::string::npos);
}

TEST(JoinPatternTest, OneChangedBitIsFound) {
  std::string pattern = MakePattern(Rank(1), Epoch(7));
  EXPECT_TRUE(CheckPattern(pattern, Rank(1), Epoch(7)).ok());
  EXPECT_FALSE(CheckPattern(pattern, Rank(0), Epoch(7)).ok());
  EXPECT_FALSE(CheckPattern(pattern, Rank(1), Epoch(8)).ok());
  pattern[12345] = static_cast<char>(pattern[12345] ^ 1);
  EXPECT_TRUE(absl::IsDataLoss(CheckPattern(pattern, Rank(1), Epoch(7))));
}

}  // namespace
}  // namespace halfpipe
