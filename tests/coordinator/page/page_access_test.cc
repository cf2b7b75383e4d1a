#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/auth/token_file.h"
#include "common/base/digest.h"
#include "coordinator/page/page_sessions.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(PageAccessTest, WithoutAPageThereIsNoTicket) {
  const auto ticket = MakePageTicket({}, "", absl::Now());
  EXPECT_TRUE(absl::IsFailedPrecondition(ticket.status()));
  EXPECT_THAT(ticket.status().message(), HasSubstr("metrics_address"));
}

TEST(PageAccessTest, AnOpenPageNeedsNone) {
  const auto ticket =
      MakePageTicket({.address = "127.0.0.1:9700"}, "", absl::Now());
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->address, "127.0.0.1:9700");
  EXPECT_FALSE(ticket->tls);
  EXPECT_EQ(ticket->ticket, "");
}

TEST(PageAccessTest, ATicketIsForTheBearerOfAToken) {
  const std::string file = ::testing::TempDir() + "/page_access_tokens";
  std::filesystem::remove(file);
  const std::string token = AddToken(file, {"alice", Role::kRead}).value();
  const auto tokens = TokenBook::Open(file);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  std::string asked;
  PageSessions sessions([&asked](absl::string_view name) {
    asked = std::string(name);
    return true;
  });
  const PageAccess access{.address = "0.0.0.0:9700",
                          .sessions = &sessions,
                          .tokens = tokens->get()};
  EXPECT_TRUE(absl::IsUnauthenticated(
      MakePageTicket(access, "hpt_x", absl::Now()).status()));
  EXPECT_FALSE(MakePageTicket(access, "", absl::Now()).ok());
  const auto ticket = MakePageTicket(access, token, absl::Now());
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_TRUE(ticket->tls);
  EXPECT_TRUE(sessions.Exchange(ticket->ticket, absl::Now()).ok());
  EXPECT_EQ(asked, Sha256Hex(token));  // not a name that another may get
}

}  // namespace
}  // namespace halfpipe
