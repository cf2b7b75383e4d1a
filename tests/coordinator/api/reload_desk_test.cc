#include "coordinator/api/reload_desk.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "common/auth/token_book.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Answers as a service's loop does, until it goes.
class Service {
 public:
  Service(const std::string& path, ReloadDesk::Reload reload)
      : desk_(*ReloadDesk::Open(path)),
        thread_([this, reload = std::move(reload)] {
          while (!stop_) {
            desk_.Answer(reload);
            absl::SleepFor(absl::Milliseconds(5));
          }
        }) {}

  ~Service() {
    stop_ = true;
    thread_.join();
  }

 private:
  ReloadDesk desk_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class ReloadDeskTest : public ::testing::Test {
 protected:
  ReloadDeskTest() {
    std::filesystem::remove(path_);
    EXPECT_TRUE(AddToken(path_, {"alice", Role::kRead}).ok());
    book_ = *TokenBook::Open(path_);
  }

  ReloadDesk::Reload FollowBook() {
    return [this]() -> absl::StatusOr<std::string> {
      if (absl::Status status = book_->Reload(); !status.ok()) return status;
      return book_->TextDigest();
    };
  }

  const std::string path_ = ::testing::TempDir() + "/reload_desk_test";
  std::unique_ptr<TokenBook> book_;
};

TEST_F(ReloadDeskTest, NobodyIsThere) {
  const auto services = AskToReload(path_);
  ASSERT_TRUE(services.ok()) << services.status();
  EXPECT_EQ(*services, 0);
}

TEST_F(ReloadDeskTest, AnEditIsInForceWhenItIsReported) {
  const Service first(path_, FollowBook());
  const auto bob = AddToken(path_, {"bob", Role::kRead});
  ASSERT_TRUE(bob.ok());
  // Through a link, too: the file is the same.
  const std::string link = path_ + ".link";
  std::filesystem::remove(link);
  std::filesystem::create_symlink(path_, link);
  const auto services = AskToReload(link);
  ASSERT_TRUE(services.ok()) << services.status();
  EXPECT_EQ(*services, 1);
  EXPECT_TRUE(book_->Find(*bob).has_value());
  const Service second(path_, FollowBook());
  EXPECT_EQ(*AskToReload(path_), 2);
}

TEST_F(ReloadDeskTest, WhoCannotReadSaysWhy) {
  const Service service(path_, FollowBook());
  ASSERT_TRUE(WriteFileAtomically(path_, "bob is here\n").ok());
  const auto services = AskToReload(path_);
  EXPECT_TRUE(absl::IsUnavailable(services.status()));
  EXPECT_THAT(std::string(services.status().message()),
              HasSubstr("expected the role"));
}

// Nobody who could not read the file can say that it is in force.
TEST_F(ReloadDeskTest, AnImpostorIsNotBelieved) {
  const Service impostor(path_, []() -> absl::StatusOr<std::string> {
    return "0123456789abcdef";
  });
  EXPECT_TRUE(absl::IsUnavailable(
      AskToReload(path_, absl::Milliseconds(500)).status()));
}

TEST_F(ReloadDeskTest, ThereIsRoomForFour) {
  std::vector<ReloadDesk> desks;
  for (int i = 0; i < 4; ++i) desks.push_back(*ReloadDesk::Open(path_));
  EXPECT_TRUE(absl::IsUnavailable(ReloadDesk::Open(path_).status()));
}

}  // namespace
}  // namespace halfpipe
