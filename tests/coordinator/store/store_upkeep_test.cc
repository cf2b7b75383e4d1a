#include "coordinator/store/store_upkeep.h"

#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/store_copies.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreUpkeepTest : public ::testing::Test {
 protected:
  StoreUpkeepTest() {
    std::filesystem::remove_all(directory_);
    auto store = JobStore::Open(directory_);
    EXPECT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < 200; ++i) {
      Job job;
      job.id = absl::StrCat("job-", i);
      EXPECT_TRUE((*store)->Create(job, {}).ok());
    }
  }

  const std::string directory_ = ::testing::TempDir() + "/store_upkeep_test";
};

TEST_F(StoreUpkeepTest, ARoundLeavesACopyAndAReport) {
  StoreUpkeep upkeep(directory_);
  EXPECT_FALSE(upkeep.Take().has_value());
  upkeep.Begin(absl::Now());
  std::optional<StoreUpkeep::Report> report;
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!report.has_value() && absl::Now() < deadline) {
    report = upkeep.Take();
    absl::SleepFor(absl::Milliseconds(2));
  }
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->damage.ok()) << report->damage;
  EXPECT_TRUE(report->copy.ok()) << report->copy;
  EXPECT_THAT(report->rows, IsEmpty());
  EXPECT_THAT(ListStoreCopies(directory_), SizeIs(1));
  EXPECT_FALSE(upkeep.Take().has_value());
}

TEST_F(StoreUpkeepTest, ADamagedDatabaseIsNotCopied) {
  const std::string path = StorePath(directory_);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const StoreUpkeep::Report report = LookAfterStore(directory_, absl::Now());
  EXPECT_TRUE(absl::IsDataLoss(report.damage)) << report.damage;
  EXPECT_THAT(ListStoreCopies(directory_), IsEmpty());
}

TEST_F(StoreUpkeepTest, WhatCannotBeOpenedIsNoDamage) {
  const StoreUpkeep::Report report =
      LookAfterStore(directory_ + "/nowhere", absl::Now());
  EXPECT_TRUE(report.damage.ok()) << report.damage;
  EXPECT_FALSE(report.copy.ok());
}

}  // namespace
}  // namespace halfpipe
