#include "common/store/lora_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/store/safetensors_writer.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LoraArchiveTest : public testing::Test {
 protected:
  void Add(const std::string& key, const Shape& shape, float value) {
    values_.emplace_back(static_cast<size_t>(ElementCount(shape)), value);
    tensors_.push_back({key, DType::kF32, shape, nullptr});
  }

  absl::StatusOr<LoraArchive> Open() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].data = values_[i].data();
    }
    const std::string path = scratch_ / "in.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, tensors_, {}).ok());
    return LoraArchive::Open(path);
  }

  const ScratchFolder scratch_;
  std::vector<TensorToWrite> tensors_;
  std::vector<std::vector<float>> values_;
};

TEST_F(LoraArchiveTest, ListsBeforeItReads) {
  Add("lora_unet_blocks_0_ffn_0.lora_down.weight", {2, 3}, 1.0f);
  Add("lora_unet_blocks_0_ffn_0.lora_up.weight", {4, 2}, 1.0f);
  Add("lora_unet_blocks_0_ffn_0.alpha", {}, 8.0f);
  Add("lora_unet_blocks_0_norm3.b_norm", {3}, 0.5f);
  const auto lora = Open();
  ASSERT_TRUE(lora.ok()) << lora.status();
  ASSERT_EQ(lora->contents().modules.size(), 1u);
  const StoredLora& stored = lora->contents().modules.at("blocks.0.ffn.0");
  EXPECT_EQ(stored.rank, 2);
  EXPECT_EQ(stored.in, 3);
  EXPECT_EQ(stored.out, 4);
  EXPECT_EQ(stored.keys.alpha, "lora_unet_blocks_0_ffn_0.alpha");
  EXPECT_EQ(lora->ScaleOf("blocks.0.ffn.0").value(), 4.0);
  EXPECT_EQ(lora->Read("blocks.0.ffn.0", LoraScale::kApart)->b[0], 1.0f);
  EXPECT_EQ(lora->Read("blocks.0.ffn.0", LoraScale::kInB)->b[0], 4.0f);
  EXPECT_THAT(lora->ReadDifference("blocks.0.norm3.bias")->values,
              ElementsAre(0.5f, 0.5f, 0.5f));
  EXPECT_EQ(lora->NarrowestDType(), DType::kF32);
}

TEST_F(LoraArchiveTest, NumbersAreJudgedWhenTheyAreRead) {
  Add("m.lora_A.weight", {2, 3}, 1.0f);
  Add("m.lora_B.weight", {4, 2}, std::numeric_limits<float>::infinity());
  const auto lora = Open();
  ASSERT_TRUE(lora.ok()) << lora.status();
  const absl::Status refused = lora->Read("m", LoraScale::kApart).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(MessageOf(refused), HasSubstr("in.safetensors: 'm.lora_B.weight' "
                                            "holds infinity at element 0"));
}

}  // namespace
}  // namespace halfpipe
