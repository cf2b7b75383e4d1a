#include "common/model/variant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/model/fake_archive.h"
#include "common/model/published_sizes.h"
#include "common/store/wan_names.h"

namespace halfpipe {
namespace {

using testing::AllOf;
using testing::HasSubstr;

FakeArchive ArchiveOf(const ModelSpec& wan, const std::string& prefix,
                      DType dtype = DType::kBF16) {
  FakeArchive archive;
  for (const auto& [name, shape] : WanTensors(wan)) {
    archive.Add(prefix + name, dtype, shape);
  }
  return archive;
}

absl::StatusOr<WanVariant> Detect(const FakeArchive& archive,
                                  std::optional<HeadSizes> heads = {}) {
  return DetectWanVariant("model", archive.tensors(), heads);
}

std::string Refusal(const FakeArchive& archive,
                    std::optional<HeadSizes> heads = HeadSizes{1, 12}) {
  const auto variant = Detect(archive, heads);
  EXPECT_EQ(variant.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(variant.status().message());
}

TEST(VariantTest, ReadsEverySizeFromTheShapes) {
  for (const char* prefix : {"", "model.", "model.diffusion_model."}) {
    auto variant = Detect(ArchiveOf(A14B(36), prefix));
    ASSERT_TRUE(variant.ok()) << variant.status();
    EXPECT_TRUE(variant->spec == A14B(36));
    EXPECT_EQ(variant->tensors.at("blocks.3.ffn.0.bias").name,
              std::string(prefix) + "blocks.3.ffn.0.bias");
  }
}

TEST(VariantTest, ReadsTheImageBranch) {
  ModelSpec flf = A14B(36);
  flf.image_dim = 1280;
  flf.image_positions = 514;
  auto variant = Detect(ArchiveOf(flf, ""));
  ASSERT_TRUE(variant.ok()) << variant.status();
  EXPECT_TRUE(variant->spec == flf);
}

TEST(VariantTest, ReadsDiffusersNames) {
  FakeArchive archive;
  for (const auto& [name, shape] : WanTensors(A14B(16))) {
    auto theirs = NativeToDiffusers(name);
    ASSERT_TRUE(theirs.has_value()) << name;
    archive.Add(*theirs, DType::kF32, shape);
  }
  auto variant = Detect(archive);
  ASSERT_TRUE(variant.ok()) << variant.status();
  EXPECT_TRUE(variant->spec == A14B(16));
  EXPECT_EQ(variant->tensors.at("blocks.0.norm3.weight").name,
            "blocks.0.norm2.weight");
}

TEST(VariantTest, HeadsComeFromTheConfigOrAre128Wide) {
  ModelSpec tiny = TinyWan();
  EXPECT_THAT(Refusal(ArchiveOf(tiny, ""), std::nullopt),
              HasSubstr("the width 12 is not a multiple of 128"));
  auto variant = Detect(ArchiveOf(tiny, ""), HeadSizes{1, 12});
  ASSERT_TRUE(variant.ok()) << variant.status();
  EXPECT_TRUE(variant->spec == tiny);
  EXPECT_THAT(Refusal(ArchiveOf(tiny, ""), HeadSizes{2, 12}),
              HasSubstr("does not make the width 12"));
  EXPECT_THAT(Refusal(ArchiveOf(tiny, ""), HeadSizes{4, 3}),
              HasSubstr("heads of an even width"));
}

TEST(VariantTest, NamesMissingMisshapenAndSurplusTensors) {
  FakeArchive archive = ArchiveOf(TinyWan(), "model.");
  archive.Remove("model.blocks.1.norm3.bias");
  EXPECT_EQ(Refusal(archive),
            "model: tensor blocks.1.norm3.bias is missing: expected shape "
            "[12]");
  archive.Add("model.blocks.1.norm3.bias", DType::kBF16, {13});
  EXPECT_EQ(Refusal(archive),
            "model: tensor model.blocks.1.norm3.bias: expected shape [12], "
            "found [13]");
  archive.Add("model.blocks.1.norm3.bias", DType::kBF16, {12});
  archive.Add("model.blocks.1.extra", DType::kBF16, {2});
  EXPECT_EQ(Refusal(archive),
            "model: tensor model.blocks.1.extra with shape [2] is not part of "
            "this model (T2V, 2 blocks)");
}

TEST(VariantTest, RefusesOtherModelsByName) {
  FakeArchive vace = ArchiveOf(TinyWan(), "");
  vace.Add("vace_blocks.0.after_proj.weight", DType::kBF16, {12, 12});
  EXPECT_EQ(Refusal(vace),
            "model: this is a model of another kind (VACE), which is not "
            "supported: only such a one has vace_blocks.0.after_proj.weight");
  for (const char* name : {"vace_a", "vace_b", "vace_c"}) {
    vace.Add(name, DType::kBF16, {1});
  }
  EXPECT_THAT(Refusal(vace), HasSubstr(", ... (4 such tensors)"));
  FakeArchive animate = ArchiveOf(TinyWan(), "");
  animate.Add("face_adapter.x", DType::kBF16, {1});
  EXPECT_THAT(Refusal(animate), HasSubstr("Animate"));
  FakeArchive fun = ArchiveOf(TinyWan(), "");
  fun.Add("ref_conv.weight", DType::kBF16, {12, 16, 2, 2});
  EXPECT_THAT(Refusal(fun), HasSubstr("ref_conv.weight"));
  EXPECT_THAT(Refusal(FakeArchive()), HasSubstr("not a Wan DiT"));
  ModelSpec narrow = TinyWan();
  narrow.in_channels = 3;
  EXPECT_THAT(Refusal(ArchiveOf(narrow, "")), HasSubstr("takes 3 channels"));
}

TEST(VariantTest, AnAbsurdBlockIndexIsAMissingTensor) {
  FakeArchive archive = ArchiveOf(TinyWan(), "");
  archive.Add("blocks.999999.modulation", DType::kBF16, {1, 6, 12});
  EXPECT_THAT(Refusal(archive), HasSubstr("is missing"));
  // A block of one tensor each: what it should hold is not listed for all.
  for (int i = 0; i < 100'000; ++i) {
    archive.Add(absl::StrCat("blocks.", i, ".x"), DType::kBF16, {0});
  }
  EXPECT_THAT(Refusal(archive), HasSubstr("is missing"));
}

TEST(VariantTest, Fp8HasAScaleThatIsUnderstood) {
  const std::string base = "blocks.0.ffn.0";
  FakeArchive archive = ArchiveOf(TinyWan(), "");
  archive.Add(base + ".weight", DType::kF8E4M3, {20, 12});
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{20}, Shape{20, 1}, Shape{20, 3, 1}}) {
    archive.Add(base + ".scale_weight", DType::kF32, shape);
    auto variant = Detect(archive, HeadSizes{1, 12});
    ASSERT_TRUE(variant.ok()) << variant.status();
    EXPECT_EQ(variant->tensors.at(base + ".weight").scale_name,
              base + ".scale_weight");
  }
  for (const Shape& shape :
       {Shape{20, 3}, Shape{12}, Shape{20, 5, 1}, Shape{1, 12}}) {
    archive.Add(base + ".scale_weight", DType::kF32, shape);
    EXPECT_THAT(Refusal(archive), HasSubstr("F32 " + ShapeString(shape) +
                                            "; expected one number"));
  }
  archive.Remove(base + ".scale_weight");
  archive.Add(base + ".weight_scale", DType::kBF16, {20, 1});
  archive.Add("scaled_fp8", DType::kF8E4M3, {2});
  EXPECT_TRUE(Detect(archive, HeadSizes{1, 12}).ok());
  // Where one weight has a scale, another without one lost it.
  archive.Add("blocks.0.norm3.bias", DType::kF8E4M3, {12});
  EXPECT_THAT(Refusal(archive), HasSubstr("blocks.0.norm3.bias is F8_E4M3 "
                                          "without a scale"));
  archive.Add("blocks.0.norm3.bias", DType::kI8, {12});
  EXPECT_THAT(Refusal(archive), HasSubstr("is I8; expected BF16"));
}

TEST(VariantTest, PlainFp8NeedsNone) {
  for (const DType dtype : {DType::kF8E4M3, DType::kF8E5M2}) {
    auto variant = Detect(ArchiveOf(TinyWan(), "", dtype), HeadSizes{1, 12});
    ASSERT_TRUE(variant.ok()) << variant.status();
    EXPECT_EQ(variant->tensors.at("blocks.0.ffn.0.weight").scale_name, "");
    EXPECT_EQ(variant->tensors.at("blocks.0.ffn.0.weight").dtype, dtype);
  }
  // The mark alone says that there were scales.
  FakeArchive lost = ArchiveOf(TinyWan(), "", DType::kF8E4M3);
  lost.Add("scaled_fp8", DType::kF8E4M3, {0});
  EXPECT_THAT(Refusal(lost), HasSubstr("without a scale"));
}

TEST(VariantTest, OtherFormsAreRefusedByName) {
  const std::string base = "blocks.0.ffn.0.";
  for (const auto& [tensor, form] : std::map<std::string, std::string>{
           {"weight.absmax", "bitsandbytes"},
           {"weight.quant_state.bitsandbytes__nf4", "nf4"},
           {"weight.SCB", "int8 of bitsandbytes"},
           {"qweight", "GPTQ"},
           {"weight._data", "quanto"},
           {"weight_scale_2", "nvfp4"},
           {"weight_scale_inv", "square blocks"},
           {"scale_weight_tensor", "two levels"},
           {"wscales", "SVDQuant"},
           {"pre_quant_scale", "smoothed"},
           {"weight_zero_point", "zero point"}}) {
    FakeArchive archive = ArchiveOf(TinyWan(), "model.");
    archive.Add("model." + base + tensor, DType::kF32, {1});
    EXPECT_THAT(Refusal(archive),
                AllOf(HasSubstr(base + tensor), HasSubstr(form),
                      HasSubstr("download the bf16")));
  }
}

TEST(VariantTest, AScaleThatBelongsToNoFp8WeightIsRefused) {
  FakeArchive archive = ArchiveOf(TinyWan(), "");
  archive.Add("blocks.0.ffn.0.scale_weight", DType::kF32, {1});
  EXPECT_THAT(Refusal(archive),
              HasSubstr("blocks.0.ffn.0.weight is BF16 with a scale"));
  archive.Remove("blocks.0.ffn.0.scale_weight");
  archive.Add("blocks.0.fnn.scale_weight", DType::kF32, {1});
  EXPECT_THAT(Refusal(archive), HasSubstr("not whole"));
  archive.Remove("blocks.0.fnn.scale_weight");
  archive.Add("blocks.0.fnn.scale_input", DType::kF32, {1});
  EXPECT_THAT(Refusal(archive), HasSubstr("not whole"));
}

TEST(VariantTest, PrefixesOfWrappersAreStripped) {
  for (const char* prefix :
       {"module.", "_orig_mod.", "transformer.", "dit.", "pipe.dit.",
        "diffusion_model.", "module._orig_mod.", "model.module."}) {
    auto variant = Detect(ArchiveOf(A14B(36), prefix));
    ASSERT_TRUE(variant.ok()) << variant.status();
    EXPECT_EQ(variant->tensors.at("blocks.3.ffn.0.bias").name,
              std::string(prefix) + "blocks.3.ffn.0.bias");
  }
  EXPECT_THAT(Refusal(ArchiveOf(TinyWan(), "student.")),
              HasSubstr("begin with 'student.'"));
  FakeArchive twice = ArchiveOf(TinyWan(), "model.");
  twice.Add("blocks.0.ffn.0.bias", DType::kBF16, {20});
  EXPECT_THAT(Refusal(twice), HasSubstr("are both blocks.0.ffn.0.bias"));
}

TEST(VariantTest, SurplusTensorsAreCounted) {
  FakeArchive ema = ArchiveOf(TinyWan(), "");
  for (const char* name : {"a", "b", "c"}) {
    ema.Add(std::string("ema.") + name, DType::kBF16, {2});
  }
  EXPECT_THAT(Refusal(ema), AllOf(HasSubstr("tensor ema.a with shape [2]"),
                                  HasSubstr("nor are 2 more tensors")));
}

}  // namespace
}  // namespace halfpipe
