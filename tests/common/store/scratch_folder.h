// Useful for tests that write files: an empty folder that goes away again.
#ifndef HP_TESTS_COMMON_STORE_SCRATCH_FOLDER_H_
#define HP_TESTS_COMMON_STORE_SCRATCH_FOLDER_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/file.h"

namespace halfpipe {

// What the goldens' script wrote; tests run in the repository's root.
inline std::string Golden(absl::string_view name) {
  return absl::StrCat("tests/common/store/testdata/", name);
}

class ScratchFolder {
 public:
  ScratchFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = absl::StrCat(testing::TempDir(), "hp_store.", getpid(), ".",
                         test->test_suite_name(), ".", test->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }

  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }

  // The path of `name` in the folder.
  [[nodiscard]] std::string operator/(absl::string_view name) const {
    return absl::StrCat(path_, "/", name);
  }

  // Writes `content` and returns its path. Without a sync: tests write a lot.
  // NOLINTNEXTLINE(modernize-use-nodiscard): most callers know the path
  std::string Write(absl::string_view name, absl::string_view content) const {
    std::string path = *this / name;
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    EXPECT_TRUE(file.good());
    return path;
  }

  // How many files and folders are in it.
  [[nodiscard]] int Count() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(path_)) {
      ++count;
    }
    return count;
  }

 private:
  std::string path_;
};

// For EXPECT_THAT(message, HasSubstr(...)): StatusOr and Status alike.
inline std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_STORE_SCRATCH_FOLDER_H_
