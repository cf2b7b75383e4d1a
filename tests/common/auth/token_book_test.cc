#include "common/auth/token_book.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/time/clock.h"
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
  EXPECT_TRUE((*book)->IsPersonNamed("alice"));
  ASSERT_TRUE(AddToken(path_, {"gpus", Role::kStage}).ok());
  ASSERT_TRUE(RemoveToken(path_, "alice").ok());
  EXPECT_TRUE(Becomes(book->get(), *alice, false));
  EXPECT_FALSE((*book)->IsPersonNamed("alice"));
  EXPECT_TRUE((*book)->IsPersonNamed("bob"));
  EXPECT_FALSE((*book)->IsPersonNamed("gpus"));  // no person

  // A slip of an editor locks nobody out.
  ASSERT_TRUE(WriteFileAtomically(path_, "bob is here\n").ok());
  absl::SleepFor(absl::Milliseconds(1200));
  EXPECT_TRUE((*book)->Find(*bob).has_value());
}

}  // namespace
}  // namespace halfpipe
