// A book of jobs on a real database. Useful for: tests of what stands on the
// book, without a coordinator.
#ifndef HP_TESTS_COORDINATOR_JOB_BOOK_FIXTURE_H_
#define HP_TESTS_COORDINATOR_JOB_BOOK_FIXTURE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "coordinator/job_config_text.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/store/job_request.h"
#include "gtest/gtest.h"

namespace halfpipe {

class JobBookTest : public ::testing::Test {
 protected:
  JobBookTest() {
    std::filesystem::remove_all(directory_);
    auto store = JobStore::Open(directory_ + "/state");
    EXPECT_TRUE(store.ok()) << store.status();
    auto book = JobBook::Load(*std::move(store), now_);
    EXPECT_TRUE(book.ok()) << book.status();
    book_ = *std::move(book);
  }

  // The job is in the book, and not on the disk yet.
  void Create(const std::string& id) {
    JobSpec spec;
    spec.id = id;
    spec.config_yaml = JobConfigText(directory_ + "/" + id);
    const auto read = ReadSubmission(spec, now_);
    ASSERT_TRUE(read.ok()) << read.status();
    book_->Create(spec, read->job, now_);
  }

  const std::string directory_ = absl::StrCat(
      ::testing::TempDir(), "/book_",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  const absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  std::unique_ptr<JobBook> book_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_JOB_BOOK_FIXTURE_H_
