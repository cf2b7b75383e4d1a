#include "stage/link/link_interface.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::StrEq;

constexpr char kVariable[] = "NCCL_SOCKET_IFNAME";

class LinkInterfaceTest : public ::testing::Test {
 protected:
  LinkInterfaceTest() { unsetenv(kVariable); }

  ~LinkInterfaceTest() override { unsetenv(kVariable); }
};

TEST_F(LinkInterfaceTest, NamesOneInterfaceExactly) {
  SetLinkInterface("");
  EXPECT_THAT(std::getenv(kVariable), StrEq("=lo"));
  SetLinkInterface("eth0");
  EXPECT_THAT(std::getenv(kVariable), StrEq("=eth0"));
}

TEST_F(LinkInterfaceTest, LeavesWhatWasSetByHand) {
  setenv(kVariable, "ib0,ib1", 1);
  SetLinkInterface("");
  EXPECT_THAT(std::getenv(kVariable), StrEq("ib0,ib1"));
  SetLinkInterface("ib1");  // a flag goes before it
  EXPECT_THAT(std::getenv(kVariable), StrEq("=ib1"));
}

TEST_F(LinkInterfaceTest, LoopbackReachesThisMachineAlone) {
  SetLinkInterface("");
  EXPECT_NE(LoopbackReach(), "unknown");
  EXPECT_TRUE(CheckLinkReach(LoopbackReach()).ok());
  const absl::Status other = CheckLinkReach("another-machine/1");
  EXPECT_TRUE(absl::IsFailedPrecondition(other));
  EXPECT_THAT(other.message(), HasSubstr("--link-interface"));
  SetLinkInterface("eth0");
  EXPECT_TRUE(CheckLinkReach("another-machine/1").ok());
}

}  // namespace
}  // namespace halfpipe
