#include "common/build_info/build_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

using testing::MatchesRegex;

// Where the version comes from: tests/scripts/version_test.sh.
TEST(BuildInfoTest, EverythingIsSaid) {
  const BuildInfo& info = ThisBuild();
  EXPECT_THAT(info.version, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+.*"));
  EXPECT_THAT(info.commit, MatchesRegex("[0-9a-f]{12}(\\+changes)?|unknown"));
  EXPECT_THAT(info.libtorch, MatchesRegex("none|[0-9]+\\.[0-9]+\\..*"));
  EXPECT_THAT(info.cuda, MatchesRegex("none|[0-9]+\\.[0-9]+"));
  EXPECT_THAT(info.nccl, MatchesRegex("none|[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_EQ(VersionText("halfpipe"),
            absl::StrCat("halfpipe ", info.version, "\ncommit ", info.commit,
                         ", built for libtorch ", info.libtorch, ", CUDA ",
                         info.cuda, ", NCCL ", info.nccl));
}

}  // namespace
}  // namespace halfpipe
