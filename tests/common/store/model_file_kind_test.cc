#include "common/store/model_file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/store/safetensors_writer.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

ModelFileKind KindOf(const std::vector<std::string>& names, Shape shape = {2}) {
  std::map<std::string, ArchivedTensor> tensors;
  for (const std::string& name : names) {
    tensors[name] = {.dtype = DType::kF32, .shape = shape, .file = ""};
  }
  return KindOfTensors(tensors);
}

TEST(ModelFileKindTest, EveryNamingOfAPart) {
  for (const char* prefix : {"", "model.diffusion_model.", "module."}) {
    EXPECT_EQ(
        KindOf({absl::StrCat(prefix, "patch_embedding.weight"),
                absl::StrCat(prefix, "blocks.0.self_attn.norm_q.weight")}),
        ModelFileKind::kDit);
  }
  EXPECT_EQ(KindOf({"condition_embedder.time_embedder.linear_1.weight"}),
            ModelFileKind::kDit);
  EXPECT_EQ(KindOf({"blocks.0.pos_embedding.embedding.weight"}),
            ModelFileKind::kTextEncoder);
  EXPECT_EQ(
      KindOf({"encoder.block.0.layer.0.SelfAttention.q.weight",
              "encoder.block.1.layer.0.SelfAttention.relative_attention_bias."
              "weight"}),
      ModelFileKind::kTextEncoder);
  EXPECT_EQ(KindOf({"encoder.downsamples.0.residual.2.weight"}),
            ModelFileKind::kVae);
  EXPECT_EQ(KindOf({"model.encoder.downsamples.0.downsamples.0.residual.2."
                    "weight"}),
            ModelFileKind::kVae);
  EXPECT_EQ(KindOf({"encoder.conv_in.weight"}, {96, 3, 3, 3, 3}),
            ModelFileKind::kVae);
  EXPECT_EQ(KindOf({"visual.transformer.0.attn.to_qkv.weight",
                    "visual.patch_embedding.weight"}),
            ModelFileKind::kClip);
  EXPECT_EQ(KindOf({"blocks.0.self_attn.q.lora_A.weight",
                    "blocks.0.self_attn.q.lora_B.weight"}),
            ModelFileKind::kLora);
  EXPECT_EQ(KindOf({"lora_unet_blocks_0_self_attn_q.lora_down.weight"}),
            ModelFileKind::kLora);
}

TEST(ModelFileKindTest, WhatBelongsToOtherModels) {
  // T5 has the biases in its first block alone.
  const std::string bias =
      ".layer.0.SelfAttention.relative_attention_bias.weight";
  EXPECT_EQ(KindOf({"encoder.block.1.layer.0.SelfAttention.q.weight",
                    "encoder.block.0" + bias}),
            ModelFileKind::kOtherTextEncoder);
  EXPECT_EQ(KindOf({"encoder.block.1.layer.0.SelfAttention.q.weight",
                    "encoder.block.0" + bias, "encoder.block.1" + bias}),
            ModelFileKind::kTextEncoder);
  EXPECT_EQ(KindOf({"model.layers.0.self_attn.q_proj.weight"}),
            ModelFileKind::kOtherTextEncoder);
  EXPECT_EQ(KindOf({"encoder.conv_in.weight"}, {128, 3, 3, 3}),
            ModelFileKind::kOtherVae);
  EXPECT_EQ(KindOf({"first_stage_model.encoder.down.0.block.0.conv1.weight"}),
            ModelFileKind::kOtherVae);
  EXPECT_EQ(KindOf({"linear.weight"}), ModelFileKind::kUnknown);
  EXPECT_EQ(KindOf({"encoder.downsamples.0.residual.2.weight",
                    "blocks.0.pos_embedding.embedding.weight"}),
            ModelFileKind::kSeveral);
  // A folder with a model and a LoRA of it, or a whole pipeline in a file.
  EXPECT_EQ(KindOf({"blocks.0.self_attn.norm_q.weight",
                    "blocks.0.self_attn.q.lora_A.weight"}),
            ModelFileKind::kSeveral);
  EXPECT_EQ(KindOf({"model.diffusion_model.blocks.0.self_attn.norm_q.weight",
                    "vision_model.encoder.layers.0.self_attn.q_proj.weight"}),
            ModelFileKind::kSeveral);
}

class ModelFileKindCheckTest : public testing::Test {
 protected:
  std::unique_ptr<TensorArchive> Archive(
      const std::vector<std::string>& names) {
    const float values[2] = {1, 2};
    std::vector<TensorToWrite> tensors;
    for (const std::string& name : names) {
      tensors.push_back({name, DType::kF32, {2}, values});
    }
    EXPECT_TRUE(WriteSafetensors(scratch_ / "f.safetensors", tensors, {}).ok());
    return OpenTensorArchive(scratch_ / "f.safetensors").value();
  }

  ScratchFolder scratch_;
};

TEST_F(ModelFileKindCheckTest, SaysWhereItBelongs) {
  const auto vae = Archive({"encoder.downsamples.0.residual.2.weight"});
  EXPECT_EQ(CheckModelFileKind(*vae, ModelFileKind::kVae), absl::OkStatus());
  const absl::Status swapped =
      CheckModelFileKind(*vae, ModelFileKind::kTextEncoder);
  EXPECT_TRUE(absl::IsInvalidArgument(swapped));
  EXPECT_EQ(MessageOf(swapped),
            scratch_ / "f.safetensors" +
                " is a Wan VAE, not a UMT5 text encoder: it belongs under "
                "model.vae");
  EXPECT_THAT(MessageOf(CheckModelFileKind(
                  *Archive({"model.layers.0.self_attn.q_proj.weight"}),
                  ModelFileKind::kTextEncoder)),
              testing::HasSubstr("is a text encoder of another model, not a "
                                 "UMT5 text encoder; name a UMT5 text encoder "
                                 "here"));
}

TEST_F(ModelFileKindCheckTest, SeveralAreToldByWhereTheyAre) {
  const auto pipeline = Archive({"blocks.0.self_attn.norm_q.weight",
                                 "encoder.downsamples.0.residual.2.weight"});
  EXPECT_THAT(
      MessageOf(CheckModelFileKind(*pipeline, ModelFileKind::kDit)),
      testing::EndsWith("is several models at once, not a Wan DiT; name a file "
                        "that is nothing but a Wan DiT"));
  EXPECT_THAT(
      MessageOf(CheckModelFileKind(*OpenTensorArchive(scratch_.path()).value(),
                                   ModelFileKind::kDit)),
      testing::EndsWith("name the file in it that is a Wan DiT"));
}

TEST_F(ModelFileKindCheckTest, WhatIsUnknownIsLeftToItsReader) {
  EXPECT_EQ(
      CheckModelFileKind(*Archive({"linear.weight"}), ModelFileKind::kDit),
      absl::OkStatus());
}

}  // namespace
}  // namespace halfpipe
