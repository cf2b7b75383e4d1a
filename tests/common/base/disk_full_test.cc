#include "common/base/disk_full.h"

#include <cerrno>

#include "common/base/status.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(DiskFullTest, OnlyFullDisksAndQuotasAreMarked) {
  EXPECT_TRUE(IsDiskFull(FileErrnoStatus(ENOSPC, "cannot write", "/out/x")));
  EXPECT_TRUE(IsDiskFull(FileErrnoStatus(EDQUOT, "cannot write", "/out/x")));
  EXPECT_FALSE(IsDiskFull(FileErrnoStatus(ENOMEM, "cannot write", "/out/x")));
  EXPECT_FALSE(IsDiskFull(FileErrnoStatus(EACCES, "cannot write", "/out/x")));
  EXPECT_FALSE(IsDiskFull(absl::OkStatus()));
}

TEST(DiskFullTest, WhatTheSystemIsShortOfIsMarkedAsThat) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    const absl::Status status = FileErrnoStatus(error, "cannot open", "/x");
    EXPECT_TRUE(IsShortage(status)) << error;
    EXPECT_TRUE(IsWaitedFor(Annotate(status, "scan"))) << error;
    EXPECT_FALSE(IsDiskFull(status)) << error;
    EXPECT_TRUE(IsShortage(SystemErrnoStatus(error, "a pipe"))) << error;
  }
  EXPECT_FALSE(IsShortage(FileErrnoStatus(ENOSPC, "cannot write", "/x")));
  EXPECT_TRUE(IsWaitedFor(FileErrnoStatus(ENOSPC, "cannot write", "/x")));
  EXPECT_FALSE(IsWaitedFor(FileErrnoStatus(EACCES, "cannot write", "/x")));
}

TEST(DiskFullTest, TheMarkSurvivesAnAnnotation) {
  const absl::Status status =
      Annotate(FileErrnoStatus(ENOSPC, "cannot write", "/out/x"), "save");
  EXPECT_TRUE(IsDiskFull(status));
  EXPECT_EQ(status.message().substr(0, 27), "save: cannot write /out/x: ");
}

}  // namespace
}  // namespace halfpipe
