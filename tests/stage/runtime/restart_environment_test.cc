#include "stage/runtime/restart_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace halfpipe {
namespace {

TEST(RestartEnvironmentTest, AnnotateKeepsTheAssignments) {
  absl::Status status = absl::UnavailableError("form the pair again");
  EXPECT_TRUE(RestartEnvironmentOf(status).empty());
  SetRestartEnvironment({"A=1", "B=x y"}, &status);
  EXPECT_THAT(RestartEnvironmentOf(Annotate(status, "start")),
              testing::ElementsAre("A=1", "B=x y"));
}

}  // namespace
}  // namespace halfpipe
