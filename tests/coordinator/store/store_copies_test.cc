#include "coordinator/store/store_copies.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/store/store_open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreCopiesTest : public ::testing::Test {
 protected:
  StoreCopiesTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    database_ = *SqliteDatabase::Open(StorePath(directory_));
    EXPECT_TRUE(PrepareSchema(&database_, "").ok());
  }

  void Count(int64_t value) {
    ASSERT_TRUE(
        database_.Execute(absl::StrCat("UPDATE counters SET value = ", value))
            .ok());
  }

  // What a copy says.
  static int64_t CountIn(const std::string& path) {
    const auto copy = SqliteDatabase::OpenReader(path);
    EXPECT_TRUE(copy.ok()) << copy.status();
    return copy->Number("SELECT value FROM counters").value_or(-1);
  }

  std::vector<int64_t> Numbers() const {
    std::vector<int64_t> numbers;
    for (const StoreCopy& copy : ListStoreCopies(directory_)) {
      numbers.push_back(copy.number);
    }
    return numbers;
  }

  const std::string directory_ = ::testing::TempDir() + "/store_copies_test";
  const absl::Time day_ =
      absl::FromCivil(absl::CivilSecond(2026, 12, 1, 8), absl::UTCTimeZone());
  SqliteDatabase database_ = *SqliteDatabase::Open(":memory:");
};

TEST_F(StoreCopiesTest, ACopyIsOneFileWithAllThatWasCommitted) {
  Count(41);
  ASSERT_TRUE(CopyStore(database_, directory_, day_).ok());
  Count(42);
  const std::vector<StoreCopy> copies = ListStoreCopies(directory_);
  ASSERT_THAT(copies, SizeIs(1));
  EXPECT_EQ(copies[0].name, "backups/halfpipe-000001-2026-12-01T080000Z.db");
  EXPECT_EQ(copies[0].day, "2026-12-01");
  EXPECT_EQ(CountIn(absl::StrCat(directory_, "/", copies[0].name)), 41);
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory_ + "/backups")) {
    EXPECT_EQ(entry.path().filename(), "halfpipe-000001-2026-12-01T080000Z.db");
    ++files;
  }
  EXPECT_EQ(files, 1U);
}

TEST_F(StoreCopiesTest, SevenAreKeptAndManyOfOneDayCostNoOtherDay) {
  for (int day = 0; day < 9; ++day) {
    ASSERT_TRUE(
        CopyStore(database_, directory_, day_ + absl::Hours(24) * day).ok());
  }
  EXPECT_THAT(Numbers(), ElementsAre(3, 4, 5, 6, 7, 8, 9));
  // A service that starts again and again.
  for (int start = 0; start < 20; ++start) {
    ASSERT_TRUE(CopyStore(database_, directory_,
                          day_ + absl::Hours(24) * 8 + absl::Minutes(start))
                    .ok());
  }
  EXPECT_THAT(Numbers(), ElementsAre(3, 4, 5, 6, 7, 8, 29));
}

TEST_F(StoreCopiesTest, AClockThatWasSetBackDoesNotMakeTheNewestTheOldest) {
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(
        CopyStore(database_, directory_, day_ - absl::Hours(24) * i).ok());
  }
  EXPECT_THAT(Numbers(), ElementsAre(2, 3, 4, 5, 6, 7, 8));
}

TEST_F(StoreCopiesTest, ACopyThatFailsLeavesTheOthers) {
  ASSERT_TRUE(CopyStore(database_, directory_, day_).ok());
  // In the way of the next one.
  std::filesystem::create_directories(directory_ +
                                      "/backups/unfinished.db/folder");
  EXPECT_FALSE(CopyStore(database_, directory_, day_).ok());
  EXPECT_THAT(Numbers(), ElementsAre(1));
}

TEST_F(StoreCopiesTest, TheWayBackNamesTheNewestCopy) {
  absl::Status damage =
      ExplainDamage(absl::DataLossError("page 3 is nonsense"), directory_);
  EXPECT_TRUE(absl::IsDataLoss(damage));
  EXPECT_THAT(damage.message(), HasSubstr("page 3 is nonsense"));
  EXPECT_THAT(damage.message(), HasSubstr("There is no copy"));
  ASSERT_TRUE(CopyStore(database_, directory_, day_).ok());
  ASSERT_TRUE(CopyStore(database_, directory_, day_).ok());
  damage = ExplainDamage(damage, directory_);
  EXPECT_THAT(damage.message(),
              HasSubstr("cp backups/halfpipe-000002-2026-12-01T080000Z.db "
                        "halfpipe.db"));
}

TEST_F(StoreCopiesTest, ADatabaseThatIsGoneIsNotBegunAnew) {
  EXPECT_TRUE(CheckNotLost(directory_).ok());
  ASSERT_TRUE(CopyStore(database_, directory_, day_).ok());
  EXPECT_TRUE(CheckNotLost(directory_).ok());
  std::filesystem::resize_file(StorePath(directory_), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckNotLost(directory_)));
  std::filesystem::remove(StorePath(directory_));
  const absl::Status lost = CheckNotLost(directory_);
  EXPECT_TRUE(absl::IsFailedPrecondition(lost));
  EXPECT_THAT(lost.message(), HasSubstr("halfpipe-000001-"));
  std::filesystem::remove_all(directory_ + "/backups");
  EXPECT_TRUE(CheckNotLost(directory_).ok());
  EXPECT_THAT(Numbers(), IsEmpty());
  std::filesystem::create_directories(StorePath(directory_));
  EXPECT_FALSE(CheckNotLost(directory_).ok());
}

}  // namespace
}  // namespace halfpipe
