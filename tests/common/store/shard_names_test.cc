#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/scratch_folder.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ShardNamesTest, NamesWithoutNumbersSayNothing) {
  EXPECT_EQ(CheckShardsAreComplete({}), absl::OkStatus());
  EXPECT_EQ(CheckShardsAreComplete({"a.safetensors", "b.safetensors"}),
            absl::OkStatus());
  EXPECT_EQ(
      CheckShardsAreComplete({"/d/m-00002-of-00001.safetensors",
                              "/d/m-0001-of-0002.safetensors",
                              "/d/m-00000-of-00002.safetensors", "noending"}),
      absl::OkStatus());
}

TEST(ShardNamesTest, WholeSetsAreComplete) {
  EXPECT_EQ(CheckShardsAreComplete({"/d/m-00001-of-00002.safetensors",
                                    "/d/m-00002-of-00002.safetensors",
                                    "/d/n-00001-of-00001.safetensors"}),
            absl::OkStatus());
}

TEST(ShardNamesTest, MissingPartsAreNamed) {
  ScratchFolder scratch;
  const absl::Status status =
      CheckShardsAreComplete({scratch / "m-00002-of-00003.safetensors"});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(MessageOf(status),
              AllOf(HasSubstr("2 of 3 parts of a model are missing"),
                    HasSubstr("m-00001-of-00003.safetensors does not exist"),
                    HasSubstr("m-00003-of-00003.safetensors does not exist"),
                    Not(HasSubstr("m-00002-of"))));
  // Parts of two models make neither whole.
  EXPECT_THAT(MessageOf(CheckShardsAreComplete(
                  {scratch / "high-00001-of-00002.safetensors",
                   scratch / "low-00002-of-00002.safetensors"})),
              HasSubstr("high-00002-of-00002.safetensors does not exist"));
  scratch.Write("m-00001-of-00003.safetensors.incomplete", "x");
  EXPECT_THAT(MessageOf(CheckShardsAreComplete(
                  {scratch / "m-00002-of-00003.safetensors"})),
              HasSubstr("m-00001-of-00003.safetensors.incomplete is: its "
                        "download has not ended"));
}

TEST(ShardNamesTest, APartSaysWhereTheRestIs) {
  EXPECT_EQ(PartHint("/d/m-00001-of-00006.safetensors"),
            "; it is part 1 of 6 of a model: name the folder /d");
  EXPECT_EQ(PartHint("m-00002-of-00002.bin"),
            "; it is part 2 of 2 of a model: name the folder .");
  EXPECT_EQ(PartHint("/d/m-00001-of-00001.safetensors"), "");
  EXPECT_EQ(PartHint("/d-00001-of-00002.x/m.safetensors"), "");
}

}  // namespace
}  // namespace halfpipe
