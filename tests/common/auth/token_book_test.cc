#include "common/auth/token_book.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/time/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TokenBookTest : public ::testing::Test {
 protected:
  TokenBookTest() { std::filesystem::remove(path_); }

  // Whether the book comes to know the token (or to forget it) in time.
  static bool Becomes(TokenBook* book, const std::string& token, bool known) {
    const absl::Time until = absl::Now() + absl::Seconds(10);
    while (book->Find(token).has_value() != known) {
      if (absl::Now() > until) return false;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return true;
  }

  const std::string path_ = ::testing::TempDir() + "/token_book_test";
};

TEST_F(TokenBookTest, SaysHowToMakeTheFirstToken) {
  const auto none = TokenBook::Open(path_);
  EXPECT_TRUE(absl::IsNotFound(none.status()));
  EXPECT_THAT(none.status().message(),
              AllOf(HasSubstr(path_), HasSubstr("token add --tokens")));
  ASSERT_TRUE(WriteFileAtomically(path_, "# none yet\n").ok());
  const auto empty = TokenBook::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(empty.status()));
  EXPECT_THAT(empty.status().message(), HasSubstr("token add --tokens"));
}

TEST_F(TokenBookTest, RefusesAFileThatEverybodyMayWrite) {
  ASSERT_TRUE(AddToken(path_, {"alice", Role::kRead}).ok());
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  const auto book = TokenBook::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(book.status()));
  EXPECT_THAT(book.status().message(), HasSubstr(path_));
}

TEST_F(TokenBookTest, FollowsTheFile) {
  const auto alice = AddToken(path_, {"alice", Role::kSubmit});
  ASSERT_TRUE(alice.ok());
  const auto book = TokenBook::Open(path_);
  ASSERT_TRUE(book.ok()) << book.status();
  const auto identity = (*book)->Find(*alice);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->name, "alice");
  EXPECT_EQ(identity->role, Role::kSubmit);

  const auto bob = AddToken(path_, {"bob", Role::kRead});
  ASSERT_TRUE(bob.ok());
  EXPECT_TRUE(Becomes(book->get(), *bob, true));
  EXPECT_TRUE((*book)->IsPerson(*alice));
  const auto gpus = AddToken(path_, {"gpus", Role::kStage});
  ASSERT_TRUE(gpus.ok());
  ASSERT_TRUE(RemoveToken(path_, "alice").ok());
  EXPECT_TRUE(Becomes(book->get(), *alice, false));
  EXPECT_FALSE((*book)->IsPerson(*alice));
  EXPECT_TRUE((*book)->IsPerson(*bob));
  EXPECT_FALSE((*book)->IsPerson(*gpus));  // no person
  EXPECT_TRUE((*book)->FindDigest(Sha256Hex(*gpus)).has_value());
}

TEST_F(TokenBookTest, AFileThatCannotBeReadIsToldAndLocksNobodyOut) {
  const auto bob = AddToken(path_, {"bob", Role::kRead});
  ASSERT_TRUE(bob.ok());
  const auto book = *TokenBook::Open(path_);
  EXPECT_EQ(book->Problem(), "");
  const std::string good = *ReadFile(path_);
  const auto broken = [&](absl::string_view what) {
    EXPECT_FALSE(book->Reload().ok());
    EXPECT_THAT(book->Problem(), HasSubstr(std::string(what)));
    EXPECT_TRUE(book->Find(*bob).has_value());
    EXPECT_EQ(book->TextDigest(), Sha256Hex(good));
  };
  ASSERT_TRUE(WriteFileAtomically(path_, "bob is here\n").ok());
  broken("expected the role");
  std::filesystem::remove(path_);
  broken("cannot look at");
  // Not even what would hold up whoever opens it.
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  broken("is no file");
  std::filesystem::remove(path_);
  const int64_t version = book->version();
  ASSERT_TRUE(WriteFileAtomically(path_, good).ok());
  EXPECT_TRUE(book->Reload().ok());
  EXPECT_EQ(book->Problem(), "");
  EXPECT_EQ(book->version(), version);  // the same tokens
  ASSERT_TRUE(RemoveToken(path_, "bob").ok());
  EXPECT_TRUE(book->Reload().ok());
  EXPECT_GT(book->version(), version);
  EXPECT_FALSE(book->Find(*bob).has_value());
}

}  // namespace
}  // namespace halfpipe
