#include "coordinator/page/page_sessions.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class PageSessionsTest : public ::testing::Test {
 protected:
  std::string Ticket() { return sessions_.NewTicket("alice", now_).value(); }

  bool alice_is_there_ = true;
  PageSessions sessions_{[this](absl::string_view name) {
    return name == "alice" && alice_is_there_;
  }};
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

TEST_F(PageSessionsTest, ATicketIsGoodForOneSession) {
  const std::string ticket = Ticket();
  EXPECT_FALSE(sessions_.IsOpen(ticket, now_));
  const auto session = sessions_.Exchange(ticket, now_);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_NE(*session, ticket);
  EXPECT_TRUE(sessions_.IsOpen(*session, now_ + absl::Hours(7)));
  EXPECT_TRUE(
      absl::IsUnauthenticated(sessions_.Exchange(ticket, now_).status()));
  EXPECT_TRUE(
      absl::IsUnauthenticated(sessions_.Exchange(*session, now_).status()));
}

TEST_F(PageSessionsTest, BothEndWithTheirTime) {
  const std::string late = Ticket();
  EXPECT_TRUE(absl::IsUnauthenticated(
      sessions_.Exchange(late, now_ + absl::Minutes(6)).status()));
  // It is used up all the same.
  EXPECT_FALSE(sessions_.Exchange(late, now_).ok());
  const std::string session = sessions_.Exchange(Ticket(), now_).value();
  EXPECT_FALSE(sessions_.IsOpen(session, now_ + absl::Hours(9)));
  EXPECT_FALSE(sessions_.IsOpen(session, now_));  // gone for good
}

TEST_F(PageSessionsTest, ARemovedTokenEndsWhatCameOfIt) {
  const std::string session = sessions_.Exchange(Ticket(), now_).value();
  const std::string ticket = Ticket();
  alice_is_there_ = false;
  EXPECT_FALSE(sessions_.IsOpen(session, now_));
  EXPECT_FALSE(sessions_.Exchange(ticket, now_).ok());
}

TEST_F(PageSessionsTest, ASessionIsItsTokensOwners) {
  const std::string anonymous = sessions_.Exchange(Ticket(), now_).value();
  EXPECT_FALSE(sessions_.OwnerOf(anonymous, now_).has_value());
  PageSessions known([](absl::string_view) { return true; },
                     [](absl::string_view token) -> std::optional<Identity> {
                       return Identity{.name = std::string(token),
                                       .role = Role::kSubmit};
                     });
  const std::string session =
      known.Exchange(known.NewTicket("alice", now_).value(), now_).value();
  const auto owner = known.OwnerOf(session, now_);
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->name, "alice");
  EXPECT_EQ(owner->role, Role::kSubmit);
  EXPECT_FALSE(known.OwnerOf(session, now_ + absl::Hours(9)).has_value());
  EXPECT_FALSE(known.OwnerOf("", now_).has_value());
}

TEST_F(PageSessionsTest, WhatIsNoneIsNotOpen) {
  EXPECT_FALSE(sessions_.IsOpen("", now_));
  EXPECT_FALSE(sessions_.IsOpen("hpt_x", now_));
  EXPECT_FALSE(sessions_.Exchange("", now_).ok());
}

TEST_F(PageSessionsTest, TheirNumberHasALimit) {
  const std::string first = Ticket();
  for (size_t i = 0; i < PageSessions::kMost; ++i) (void)Ticket();
  EXPECT_FALSE(sessions_.Exchange(first, now_).ok());
  EXPECT_TRUE(sessions_.Exchange(Ticket(), now_).ok());
}

}  // namespace
}  // namespace halfpipe
