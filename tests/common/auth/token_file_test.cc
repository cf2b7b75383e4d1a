#include "common/auth/token_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

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

// The service reads it as its owner or by its group, whoever edits it.
TEST_F(TokenFileTest, AnEditKeepsOwnerGroupModeAndLink) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  const std::string link = path_ + ".link";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(path_, link);
  ASSERT_TRUE(AddToken(path_, {"alice", Role::kRead}).ok());
  ASSERT_EQ(chown(path_.c_str(), 12, 34), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  const mode_t mask = umask(0077);
  EXPECT_TRUE(AddToken(link, {"bob", Role::kRead}).ok());
  EXPECT_TRUE(RemoveToken(link, "alice").ok());
  umask(mask);
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12u);
  EXPECT_EQ(info.st_gid, 34u);
  EXPECT_EQ(Mode(), 0640u);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_THAT(*ReadTokenFile(path_), SizeIs(1));
  std::filesystem::remove(link);
}

TEST_F(TokenFileTest, NothingIsChangedWhereOwnerAndGroupCannotBeKept) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  char name[] = "/tmp/halfpipe-tokens-XXXXXX";  // where anybody may look
  const std::string folder = mkdtemp(name);
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  const std::string path = folder + "/tokens";
  ASSERT_TRUE(AddToken(path, {"alice", Role::kRead}).ok());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const std::string before = *ReadFile(path);
  ASSERT_EQ(seteuid(65534), 0);
  const absl::Status removed = RemoveToken(path, "alice");
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(removed)) << removed;
  EXPECT_THAT(std::string(removed.message()), HasSubstr("nothing was changed"));
  EXPECT_EQ(*ReadFile(path), before);
  std::error_code error;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder, error),
                          std::filesystem::directory_iterator()),
            1);
  std::filesystem::remove_all(folder);
}

// As processes do: each has its own view of the file.
TEST_F(TokenFileTest, OfManyEditsAtOnceNoneIsLost) {
  constexpr int kEdits = 20;
  std::vector<std::thread> edits;
  edits.reserve(kEdits);
  for (int i = 0; i < kEdits; ++i) {
    edits.emplace_back([this, i] {
      EXPECT_TRUE(AddToken(path_, {absl::StrCat("t", i), Role::kRead}).ok());
    });
  }
  for (std::thread& edit : edits) edit.join();
  EXPECT_THAT(*ReadTokenFile(path_), SizeIs(kEdits));
}

TEST_F(TokenFileTest, ATokenMayBeBoundToAPairAndACertificate) {
  const std::string token = *AddToken(path_, {.name = "gpu0",
                                              .role = Role::kStage,
                                              .pair = "left",
                                              .certificate = "gpu-box"});
  const std::vector<TokenEntry> entries = *ReadTokenFile(path_);
  const TokenEntry* found = FindToken(entries, token);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->identity.pair, "left");
  EXPECT_EQ(found->identity.certificate, "gpu-box");
  // Not what would be read as something else, or as nothing.
  for (const Identity& wrong :
       {Identity{.name = "a", .role = Role::kSubmit, .pair = "left"},
        Identity{.name = "a", .role = Role::kStage, .pair = "le ft"},
        Identity{.name = "a", .role = Role::kStage, .pair = "x\ny"},
        Identity{.name = "a", .certificate = "a\tb"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(AddToken(path_, wrong).status()));
  }
  EXPECT_EQ(ReadTokenFile(path_)->size(), 1u);
  const std::string digest(64, 'a');
  for (const char* words : {"pair=", "pair=a pair=b", "pairs=a", "left"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        ParseTokens(absl::StrCat("a stage ", digest, " ", words), "f")
            .status()))
        << words;
  }
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
