#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/store/model_file_kind.h"
#include "common/store/safetensors_writer.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FileHolesTest : public testing::Test {
 protected:
  void SetUp() override { Write(kBytes); }

  void Write(int64_t bytes) {
    const std::vector<char> content(static_cast<size_t>(bytes), 1);
    ASSERT_TRUE(WriteSafetensors(
                    path_, {{"w", DType::kU8, {bytes}, content.data()}}, {})
                    .ok());
  }

  // Makes [begin, end) of the file zeros.
  void Zero(int64_t begin, int64_t end) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(begin);
    const std::string zeros(static_cast<size_t>(end - begin), '\0');
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
  }

  [[nodiscard]] absl::Status Check() const {
    return CheckHasNoHoles(*OpenTensorArchive(path_).value());
  }

  static constexpr int64_t kBytes = 1 << 20;
  ScratchFolder scratch_;
  const std::string path_ = scratch_ / "m.safetensors";
};

TEST_F(FileHolesTest, AFileWithItsContent) {
  EXPECT_EQ(Check(), absl::OkStatus());
  // A bias of zeros, a row of zeros: no stretch.
  Zero(500'000, 560'000);
  EXPECT_EQ(Check(), absl::OkStatus());
}

TEST_F(FileHolesTest, HalfADownloadOfTheWholeSize) {
  Zero(kBytes / 2, kBytes);
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
  EXPECT_THAT(MessageOf(Check()),
              AllOf(HasSubstr(path_ + " holds nothing but zeros from byte "),
                    HasSubstr("download or copy it again")));
}

TEST_F(FileHolesTest, APieceOfManyThatDidNotCome) {
  Zero(kBytes / 4, kBytes / 2 + 200);
  EXPECT_TRUE(absl::IsDataLoss(Check())) << Check();
}

// Wherever it begins, an eighth is found.
TEST_F(FileHolesTest, AnEighthOfTheFile) {
  for (int64_t begin = 20'000; begin + kBytes / 8 < kBytes; begin += 50'000) {
    Write(kBytes);
    Zero(begin, begin + kBytes / 8 + 200);
    EXPECT_TRUE(absl::IsDataLoss(Check())) << begin;
  }
}

TEST_F(FileHolesTest, SmallFilesAreNotJudged) {
  Write(20'000);
  Zero(10'000, 20'000);
  EXPECT_EQ(Check(), absl::OkStatus());
}

}  // namespace
}  // namespace halfpipe
