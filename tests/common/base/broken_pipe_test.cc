#include "common/base/broken_pipe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace halfpipe {
namespace {

TEST(BrokenPipeTest, AWriteToNobodyIsAnErrorAndNoEnd) {
  signal(SIGPIPE, SIG_DFL);  // whatever came before
  IgnoreBrokenPipes();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace halfpipe
