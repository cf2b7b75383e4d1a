#include "stage/encoders/encoder_names.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "stage/encoders/golden_file.h"

namespace halfpipe {
namespace {

// Every encoder tensor of the published VAEs, native and diffusers' spelling.
TEST(VaeNamesTest, MapsEveryPublishedTensor) {
  std::ifstream rows(GoldenPath("vae_names.tsv"));
  FakeTensorArchive native[2];
  FakeTensorArchive diffusers[2];
  NativeNames expected[2];
  std::string row;
  while (std::getline(rows, row)) {
    std::istringstream fields(row);
    std::string version, ours, theirs;
    fields >> version >> ours >> theirs;
    const int index = version == "2.1" ? 0 : 1;
    native[index].Add(ours, DType::kF32, {});
    diffusers[index].Add(theirs, DType::kF32, {});
    expected[index].emplace(ours, theirs);
  }
  ASSERT_GT(expected[0].size(), 80);
  ASSERT_GT(expected[1].size(), 80);
  for (const int index : {0, 1}) {
    EXPECT_EQ(NativeVaeNames(diffusers[index]), expected[index]);
    for (const auto& [name, found] : NativeVaeNames(native[index])) {
      EXPECT_EQ(name, found);
    }
    EXPECT_EQ(NativeVaeNames(native[index]).size(), expected[index].size());
  }
}

TEST(VaeNamesTest, LeavesTheDecoderOut) {
  FakeTensorArchive archive;
  archive.Add("model.decoder.conv1.weight", DType::kF32, {});
  archive.Add("model.encoder.conv1.weight", DType::kF32, {});
  archive.Add("model.conv2.weight", DType::kF32, {});
  archive.Add("model.conv1.weight", DType::kF32, {});
  const NativeNames names = NativeVaeNames(archive);
  ASSERT_EQ(names.size(), 2);
  EXPECT_EQ(names.at("conv1.weight"), "model.conv1.weight");
}

TEST(VaeNamesTest, StripsThePrefixesOfWrappers) {
  for (const std::string prefix : {"", "model.", "vae.", "first_stage_model.",
                                   "pipe.vae.", "module._orig_mod."}) {
    FakeTensorArchive archive;
    archive.Add(prefix + "encoder.conv_in.weight", DType::kF32, {});
    archive.Add(prefix + "encoder.down_blocks.1.resnets.0.conv1.weight",
                DType::kF32, {});
    archive.Add(prefix + "quant_conv.weight", DType::kF32, {});
    const NativeNames names = NativeVaeNames(archive);
    EXPECT_EQ(names.at("conv1.weight"), prefix + "quant_conv.weight");
    EXPECT_EQ(names.at("encoder.conv1.weight"),
              prefix + "encoder.conv_in.weight");
    EXPECT_TRUE(names.contains(
        "encoder.downsamples.1.downsamples.0.residual.2.weight"));
  }
  FakeTensorArchive other;
  other.Add("student.encoder.conv1.weight", DType::kF32, {});
  EXPECT_TRUE(NativeVaeNames(other).empty());
}

TEST(Umt5NamesTest, MapsTransformersNames) {
  FakeTensorArchive archive;
  archive.Add("encoder.block.11.layer.1.DenseReluDense.wi_0.weight",
              DType::kF32, {});
  archive.Add("shared.weight", DType::kF32, {});
  archive.Add("encoder.embed_tokens.weight", DType::kF32, {});
  const NativeNames names = NativeUmt5Names(archive);
  EXPECT_TRUE(names.contains("blocks.11.ffn.gate.0.weight"));
  EXPECT_EQ(names.at("token_embedding.weight"), "shared.weight");
  EXPECT_EQ(names.size(), 2);
}

}  // namespace
}  // namespace halfpipe
