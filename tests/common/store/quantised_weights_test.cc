#include "common/store/quantised_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/store/safetensors_writer.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class QuantisedWeightsTest : public testing::Test {
 protected:
  // A file with one fp8 layer that says `words` of itself.
  absl::Status Words(const std::string& words, const std::string& metadata = "",
                     DType weight = DType::kF8E4M3,
                     const char* scale = "m.weight_scale") {
    const std::vector<char> zeros(64, 0);
    std::vector<TensorToWrite> tensors = {
        {"m.weight", weight, {2, 4}, zeros.data()},
        {scale, DType::kF32, {}, zeros.data()}};
    if (!words.empty()) {
      tensors.push_back({"m.comfy_quant",
                         DType::kU8,
                         {static_cast<int64_t>(words.size())},
                         words.data()});
    }
    TensorMetadata texts;
    if (!metadata.empty()) texts["_quantization_metadata"] = metadata;
    const std::string path = scratch_ / "in.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, tensors, texts).ok());
    return CheckQuantisationWords(*OpenTensorArchive(path).value());
  }

  const ScratchFolder scratch_;
};

TEST_F(QuantisedWeightsTest, KnownWordsPass) {
  EXPECT_TRUE(Words("").ok());
  EXPECT_TRUE(Words(R"({"format": "float8_e4m3fn"})").ok());
  EXPECT_TRUE(Words(R"({"format": "float8_e4m3fn",
                        "full_precision_matrix_mult": true})")
                  .ok());
  EXPECT_TRUE(Words(R"({"format": "float8_e5m2"})", "", DType::kF8E5M2).ok());
  EXPECT_TRUE(Words(R"({"format": "float8_e4m3fn", "params": {}})").ok());
  EXPECT_TRUE(Words("", R"({"format_version": "1.0", "layers": {}})").ok());
  EXPECT_TRUE(
      Words("", R"({"layers": {"m": {"format": "float8_e4m3fn"}}})").ok());
}

TEST_F(QuantisedWeightsTest, OthersAreRefusedByName) {
  for (const auto& [words, said] :
       std::vector<std::pair<std::string, std::string>>{
           {R"({"format": "nvfp4"})", "is in nvfp4"},
           {R"({"format": "mxfp8"})", "is in mxfp8"},
           {R"({"format": "int8_tensorwise"})", "is in int8_tensorwise"},
           {R"({"format": "float8_e5m2"})", "but its weight is F8_E4M3"},
           {R"({"format": "float8_e4m3fn", "convrot": true})",
            "says convrot: true"},
           {R"({"format": "float8_e4m3fn", "params": {"group_size": 64}})",
            "says params"},
           {R"({"group_size": 64})", "names no format"},
           {R"([1])", "names no format"},
           {"{\"format\": ", "m.comfy_quant"}}) {
    const absl::Status refused = Words(words);
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << words;
    EXPECT_THAT(MessageOf(refused),
                AllOf(HasSubstr("in.safetensors"), HasSubstr(said),
                      HasSubstr("download the bf16")));
  }
}

TEST_F(QuantisedWeightsTest, AWeightThatIsDescribedHasAScale) {
  const std::string words = R"({"format": "float8_e4m3fn"})";
  EXPECT_TRUE(Words(words, "", DType::kF8E4M3, "m.scale_weight").ok());
  EXPECT_THAT(MessageOf(Words(words, "", DType::kF8E4M3, "n.bias")),
              HasSubstr("there is no m.weight_scale"));
}

TEST_F(QuantisedWeightsTest, TheMetadataSpeaksOfLayersToo) {
  EXPECT_THAT(
      MessageOf(Words("", R"({"layers": {"m": {"format": "int8_blockwise",
                                           "group_size": 128}}})")),
      AllOf(HasSubstr("the weight of m is in int8_blockwise")));
  EXPECT_THAT(MessageOf(Words("", "nvfp4")),
              HasSubstr("_quantization_metadata"));
  EXPECT_THAT(MessageOf(Words("", R"({"layers": [1]})")),
              HasSubstr("\"layers\" is no object"));
  // A container of bytes is no fp8 tensor.
  EXPECT_THAT(
      MessageOf(Words("", R"({"layers": {"m": {"format": "float8_e4m3fn"}}})",
                      DType::kU8)),
      HasSubstr("says float8_e4m3fn, but its weight is U8"));
}

TEST_F(QuantisedWeightsTest, FindsScalesAndWhatStandsBeside) {
  std::map<std::string, ArchivedTensor> contents;
  const auto add = [&](const std::string& name, DType dtype, Shape shape) {
    contents[name] = {.dtype = dtype, .shape = std::move(shape), .file = ""};
  };
  add("a.weight", DType::kF8E4M3, {4, 8});
  add("a.scale_weight", DType::kF32, {1});
  add("a.scale_input", DType::kF32, {1});
  add("b.weight", DType::kF8E5M2, {4, 8});
  add("b.weight_scale", DType::kBF16, {4, 2, 1});
  add("b.input_scale", DType::kF32, {});
  add("b.comfy_quant", DType::kU8, {9});
  add("x.scaled_fp8", DType::kF8E4M3, {0});
  add("c.weight", DType::kF16, {4, 8});
  const auto read = ReadQuantisation("f", contents);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->scales,
              ElementsAre(std::pair("a.weight", "a.scale_weight"),
                          std::pair("b.weight", "b.weight_scale")));
  EXPECT_THAT(read->beside,
              ElementsAre("a.scale_input", "a.scale_weight", "b.comfy_quant",
                          "b.input_scale", "b.weight_scale", "x.scaled_fp8"));
  add("c.weight", DType::kF8E4M3, {4, 8});
  EXPECT_THAT(MessageOf(ReadQuantisation("f", contents).status()),
              AllOf(HasSubstr("f: tensor c.weight is F8_E4M3 without a scale"),
                    HasSubstr("c.scale_weight")));
}

// What stands beside a weight says that it has a scale, which may be lost.
TEST_F(QuantisedWeightsTest, AMarkAloneIsNoPlainFile) {
  for (const char* mark :
       {"scaled_fp8", "a.scale_input", "a.input_scale", "a.comfy_quant"}) {
    std::map<std::string, ArchivedTensor> contents;
    contents["a.weight"] = {
        .dtype = DType::kF8E4M3, .shape = {4, 8}, .file = ""};
    EXPECT_TRUE(ReadQuantisation("f", contents).ok());
    contents[mark] = {.dtype = DType::kU8, .shape = {1}, .file = ""};
    EXPECT_THAT(MessageOf(ReadQuantisation("f", contents).status()),
                HasSubstr("a.weight is F8_E4M3 without a scale"));
  }
}

}  // namespace
}  // namespace halfpipe
