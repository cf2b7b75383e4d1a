#include "common/store/archive_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(CheckedByteCountTest, CountsAndRefusesWhatDoesNotFit) {
  EXPECT_EQ(CheckedByteCount({2, 3}, DType::kBF16), 12u);
  EXPECT_EQ(CheckedByteCount({}, DType::kF64), 8u);
  EXPECT_EQ(CheckedByteCount({5, 0}, DType::kF32), 0u);
  EXPECT_EQ(CheckedByteCount({-1}, DType::kF32), std::nullopt);
  EXPECT_EQ(CheckedByteCount({int64_t{1} << 61}, DType::kF32), std::nullopt);
  EXPECT_EQ(
      CheckedByteCount({int64_t{1} << 40, int64_t{1} << 40, 0}, DType::kU8),
      std::nullopt);
}

TEST(MergeContentsTest, NamesATensorThatIsInTwoFiles) {
  ArchiveContents first;
  first.tensors["w"].file = "a.safetensors";
  first.metadata["format"] = "pt";
  ArchiveContents second = first;
  second.tensors["w"].file = "b.safetensors";
  absl::Status status = MergeContents(second, first);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status),
              HasSubstr("'w' is in a.safetensors and in b.safetensors"));
}

TEST(MergeContentsTest, TheFirstMetadataStays) {
  ArchiveContents first;
  first.metadata = {{"k", "first"}};
  ArchiveContents second;
  second.metadata = {{"k", "second"}, {"other", "x"}};
  second.tensors["v"].bytes = 4;
  ASSERT_TRUE(MergeContents(second, first).ok());
  EXPECT_EQ(first.metadata.at("k"), "first");
  EXPECT_EQ(first.metadata.at("other"), "x");
  EXPECT_EQ(first.tensors.at("v").bytes, 4u);
}

}  // namespace
}  // namespace halfpipe
