#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/safetensors_file.h"
#include "common/store/safetensors_writer.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SafetensorsIndexTest : public testing::Test {
 protected:
  ScratchFolder scratch_;
  const float value_ = 1.5f;

  void WriteShard(absl::string_view file,
                  const std::vector<std::string>& names) {
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : names) {
      tensors.push_back({name, DType::kF32, {1}, &value_});
    }
    ASSERT_TRUE(WriteSafetensors(scratch_ / file, tensors, {}).ok());
  }

  absl::StatusOr<ArchiveContents> List(absl::string_view index) {
    return ListSafetensorsIndex(
        scratch_.Write("m.safetensors.index.json", index));
  }
};

TEST_F(SafetensorsIndexTest, TakesEachTensorFromItsShard) {
  WriteShard("1.safetensors", {"a", "shared"});
  WriteShard("2.safetensors", {"b", "shared"});
  auto contents = List(R"({"metadata":{"total_size":8},"weight_map":{
      "a":"1.safetensors","b":"2.safetensors","shared":"2.safetensors"}})");
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->tensors.at("a").file, scratch_ / "1.safetensors");
  EXPECT_EQ(contents->tensors.at("shared").file, scratch_ / "2.safetensors");
  EXPECT_EQ(contents->files.size(), 2u);
}

TEST_F(SafetensorsIndexTest, NamesAMissingShard) {
  WriteShard("1.safetensors", {"a"});
  absl::Status status =
      List(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})")
          .status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("/2.safetensors"));
}

TEST_F(SafetensorsIndexTest, NamesEachMissingShard) {
  WriteShard("2.safetensors", {"b"});
  scratch_.Write("3.safetensors", "version https://git-lfs.github.com/spec/v1");
  const absl::Status status =
      List(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors",
                             "c":"3.safetensors"}})")
          .status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(MessageOf(status),
              AllOf(HasSubstr("2 of 3 shards of "),
                    HasSubstr("/1.safetensors does not exist"),
                    HasSubstr("/3.safetensors is a Git LFS pointer"),
                    Not(HasSubstr("/2.safetensors"))));
}

// A scale that the index of the plain model does not list, say: without it the
// weight would be read wrongly.
TEST_F(SafetensorsIndexTest, NamesATensorThatTheIndexLacks) {
  WriteShard("1.safetensors", {"q.weight", "q.scale_weight"});
  const absl::Status status =
      List(R"({"weight_map":{"q.weight":"1.safetensors"}})").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(
      MessageOf(status),
      HasSubstr("/1.safetensors holds tensor 'q.scale_weight', which "));
}

TEST_F(SafetensorsIndexTest, SaysWhatTheIndexIsInstead) {
  EXPECT_THAT(
      MessageOf(List("version https://git-lfs.github.com/spec/v1").status()),
      HasSubstr("index.json is a Git LFS pointer"));
  EXPECT_THAT(MessageOf(List("<!DOCTYPE html>").status()),
              HasSubstr("index.json is a web page"));
  EXPECT_TRUE(absl::IsDataLoss(List("").status()));
}

TEST_F(SafetensorsIndexTest, NamesATensorThatItsShardLacks) {
  WriteShard("1.safetensors", {"blocks.0.q"});
  absl::Status status =
      List(R"({"weight_map":{"blocks.0.k":"1.safetensors"}})").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("'blocks.0.k'"));
  EXPECT_THAT(MessageOf(status), HasSubstr("nearest name is 'blocks.0.q'"));
}

TEST_F(SafetensorsIndexTest, StaysInItsFolder) {
  for (const char* file : {"\"../x.safetensors\"", "\"/etc/passwd\"", "\"..\"",
                           "\"\"", "7", "\"a\\u0000b\""}) {
    absl::Status status =
        List(absl::StrCat(R"({"weight_map":{"a":)", file, "}}")).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << file << ": " << status;
  }
}

TEST_F(SafetensorsIndexTest, RefusesWhatIsNoIndex) {
  for (const char* text : {"x", "[]", "{}", R"({"weight_map":[]})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(List(text).status())) << text;
  }
}

}  // namespace
}  // namespace halfpipe
