#include "coordinator/store_schema.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class StoreSchemaTest : public ::testing::Test {
 protected:
  StoreSchemaTest() {
    std::filesystem::remove(path_);
    database_ = *SqliteDatabase::Open(path_);
  }

  const std::string path_ = ::testing::TempDir() + "/store_schema_test.db";
  SqliteDatabase database_;
};

TEST_F(StoreSchemaTest, MakesTheTablesOnce) {
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  ASSERT_TRUE(
      database_.Execute("UPDATE counters SET value = 7 WHERE name = 'epoch'")
          .ok());
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  auto query = database_.Prepare("SELECT value FROM counters");
  ASSERT_TRUE(query.ok()) << query.status();
  ASSERT_TRUE(*query->Step());
  EXPECT_EQ(query->Int(0), 7);
}

TEST_F(StoreSchemaTest, LeavesThoseOfANewerVersionAlone) {
  ASSERT_TRUE(database_.Execute("PRAGMA user_version = 99").ok());
  const absl::Status refused = PrepareSchema(&database_, path_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("newer version"));
  EXPECT_THAT(refused.message(), HasSubstr(path_));
  EXPECT_FALSE(database_.Prepare("SELECT * FROM jobs").ok());
}

}  // namespace
}  // namespace halfpipe
