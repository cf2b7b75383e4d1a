#include "common/auth/token_file.h"

#include <sys/stat.h>

#include <filesystem>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class TokenFileTest : public ::testing::Test {
 protected:
  TokenFileTest() { std::filesystem::remove(path_); }

  [[nodiscard]] unsigned Mode() const {
    struct stat info = {};
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  const std::string path_ = ::testing::TempDir() + "/token_file_test";
};

TEST_F(TokenFileTest, AnAddedTokenIsFoundAndNotInTheFile) {
  const auto alice = AddToken(path_, {"alice", Role::kSubmit});
  ASSERT_TRUE(alice.ok()) << alice.status();
  const auto bob = AddToken(path_, {"bob", Role::kRead});
  ASSERT_TRUE(bob.ok()) << bob.status();
  EXPECT_THAT(*alice, StartsWith("hpt_"));
  EXPECT_THAT(*alice, SizeIs(47));  // 256 bits in base64
  EXPECT_NE(*alice, *bob);
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_THAT(*ReadFile(path_), Not(HasSubstr(*alice)));

  const auto entries = ReadTokenFile(path_);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_THAT(*entries, SizeIs(2));
  const TokenEntry* found = FindToken(*entries, *bob);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->identity.name, "bob");
  EXPECT_EQ(found->identity.role, Role::kRead);
  EXPECT_EQ(FindToken(*entries, ""), nullptr);
  EXPECT_EQ(FindToken(*entries, bob->substr(0, 46)), nullptr);
  // What the file holds is not a key.
  EXPECT_EQ(FindToken(*entries, found->digest), nullptr);
}

TEST_F(TokenFileTest, ARemovedTokenIsGoneAndCommentsStay) {
  ASSERT_TRUE(WriteFileAtomically(path_, "# alice: the first one\n").ok());
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const auto alice = AddToken(path_, {"alice", Role::kAdmin});
  const auto bob = AddToken(path_, {"bob", Role::kStage});
  ASSERT_TRUE(alice.ok() && bob.ok());
  ASSERT_TRUE(RemoveToken(path_, "alice").ok());
  const auto entries = ReadTokenFile(path_);
  ASSERT_TRUE(entries.ok());
  EXPECT_THAT(*entries, SizeIs(1));
  EXPECT_EQ(FindToken(*entries, *alice), nullptr);
  EXPECT_NE(FindToken(*entries, *bob), nullptr);
  EXPECT_THAT(*ReadFile(path_), StartsWith("# alice: the first one\nbob "));
  EXPECT_EQ(Mode(), 0640u);  // its group may still read it
  EXPECT_TRUE(absl::IsNotFound(RemoveToken(path_, "alice")));
}

TEST_F(TokenFileTest, RefusesBadNames) {
  ASSERT_TRUE(AddToken(path_, {"alice", Role::kRead}).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(AddToken(path_, {"alice", Role::kAdmin}).status()));
  for (const std::string& name : {std::string(), std::string("a b"),
                                  std::string("a\nb"), std::string(65, 'a')}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(AddToken(path_, {name, Role::kRead}).status()))
        << name;
  }
}

TEST_F(TokenFileTest, ReportsEveryBadLineWithoutRepeatingIt) {
  const std::string digest = Sha256Hex("x");
  const auto parsed = ParseTokens(
      absl::StrCat("alice read ", digest, "\n", "hpt_secret\n", "bob root ",
                   digest, "\n", "carol read hpt_secret\n", "alice admin ",
                   digest, "\n", "d/e read ", digest, "\n"),
      "tokens");
  ASSERT_TRUE(absl::IsInvalidArgument(parsed.status()));
  EXPECT_EQ(parsed.status().message(),
            "tokens:2: expected NAME ROLE SHA-256, found 1 words\n"
            "tokens:3: expected the role read, submit, admin or stage\n"
            "tokens:4: expected 64 hex digits, the SHA-256 of a token; make "
            "one with halfpipe-coordinator token add\n"
            "tokens:5: the name alice is there twice\n"
            "tokens:6: the name is not 1 to 64 letters, digits, '.', '_', "
            "'@', '-'");
}

}  // namespace
}  // namespace halfpipe
