#include "stage/job/lora_start.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/tensor.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/model/known_variants.h"
#include "common/model/linear_shapes.h"
#include "common/store/lora_file.h"
#include "common/store/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/job/model_source.h"
#include "stage/wan/lora_targets.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kRank = 2;
constexpr const char* kQuery = "blocks.1.self_attn.q";

// A file of fp32 tensors, written at once.
class LoraStartTest : public ::testing::Test {
 protected:
  LoraStartTest() {
    config_.init_from = ::testing::TempDir() + "/lora_start_test.safetensors";
    config_.rank = kRank;
    config_.alpha = kRank;
    // Every target in every block.
    const std::vector<std::string> targets = LoraModules(wan_, config_).value();
    for (const std::string& module : targets) {
      AddModule(module);
    }
  }

  void AddModule(const std::string& module, int64_t rank = kRank) {
    const LinearShape shape = shapes_.contains(module)
                                  ? shapes_.at(module)
                                  : LinearShape{.in = 4, .out = 4};
    Add("diffusion_model." + module + ".lora_A.weight", {rank, shape.in}, 0.5f);
    Add("diffusion_model." + module + ".lora_B.weight", {shape.out, rank},
        0.25f);
  }

  void Add(const std::string& key, const Shape& shape, float value) {
    tensors_[key] = {
        shape,
        std::vector<float>(static_cast<size_t>(ElementCount(shape)), value)};
  }

  // Removes every key that has `part` in it.
  void Remove(const std::string& part) {
    std::erase_if(tensors_, [&](const auto& entry) {
      return absl::StrContains(entry.first, part);
    });
  }

  void Write() const {
    std::vector<TensorToWrite> to_write;
    for (const auto& [key, tensor] : tensors_) {
      to_write.push_back(
          {key, DType::kF32, tensor.first, tensor.second.data()});
    }
    const absl::Status written =
        WriteSafetensors(config_.init_from, to_write, metadata_);
    EXPECT_TRUE(written.ok()) << written;
  }

  [[nodiscard]] absl::StatusOr<LoraStartReport> Check() const {
    Write();
    return CheckLoraStart(config_, wan_);
  }

  // The refusal, which loading gives too.
  [[nodiscard]] std::string Refusal() const {
    const absl::Status status = Check().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(StartFromLora(config_, wan_, {}), status);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("lora.init_from"),
                                        HasSubstr(config_.init_from)));
    return std::string(status.message());
  }

  [[nodiscard]] std::vector<std::string> Warnings() const {
    const absl::StatusOr<LoraStartReport> report = Check();
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? report->warnings : std::vector<std::string>();
  }

  [[nodiscard]] LoraAdapter NewAdapter(const std::string& module) const {
    return MakeLoraAdapter(
        module, shapes_.at(module).in, shapes_.at(module).out, config_.rank,
        config_.scale(), at::kCPU,
        [](absl::string_view, const at::Tensor& out) { out.fill_(0.75); });
  }

  const ModelSpec wan_ = KnownModel("tiny-t2v", 2).value();
  const LinearShapes shapes_ = LinearShapesOf(wan_);
  LoraConfig config_;
  std::map<std::string, std::pair<Shape, std::vector<float>>> tensors_;
  TensorMetadata metadata_;
};

TEST_F(LoraStartTest, NothingIsSaidOfAFileThatFits) {
  EXPECT_THAT(Warnings(), IsEmpty());
  config_.init_from = "";
  EXPECT_TRUE(CheckLoraStart(config_, wan_).ok());
}

TEST_F(LoraStartTest, TheProductIsTheFiles) {
  Add(absl::StrCat("diffusion_model.", kQuery, ".alpha"), {}, 8.0f);
  Write();
  config_.alpha = 4.0;
  LoraAdapter adapter = NewAdapter(kQuery);
  const absl::Status started = StartFromLora(config_, wan_, {&adapter});
  ASSERT_TRUE(started.ok()) << started;
  const double scale = config_.scale();
  const at::Tensor made = scale * adapter.b.master.mm(adapter.a.master);
  // alpha / rank * B A = 4 * (2 * 0.25 * 0.5) everywhere.
  EXPECT_TRUE(at::allclose(made, at::full_like(made, 1.0))) << made;
}

TEST_F(LoraStartTest, AnotherAlphaIsSaidWithBothNumbers) {
  for (const auto& [module, shape] : shapes_) {
    Add(absl::StrCat("diffusion_model.", module, ".alpha"), {}, 8.0f);
  }
  EXPECT_THAT(Warnings(),
              ElementsAre(AllOf(HasSubstr("has alpha 8 and lora.alpha is 2"),
                                HasSubstr("write lora.alpha: 8"))));
  Add(absl::StrCat("diffusion_model.", kQuery, ".alpha"), {}, 2.0f);
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("has alpha 2 to 8")));
  Add(absl::StrCat("diffusion_model.", kQuery, ".alpha"), {}, 0.0f);
  EXPECT_THAT(Refusal(), HasSubstr("is 0; expected a positive number"));
}

TEST_F(LoraStartTest, DiffusersSaysTheAlphaInTheMetadata) {
  std::map<std::string, std::pair<Shape, std::vector<float>>> renamed;
  for (const auto& [key, tensor] : tensors_) {
    renamed["transformer." + key.substr(16)] = tensor;
  }
  tensors_ = renamed;
  metadata_["lora_adapter_metadata"] =
      R"({"transformer.r": 2, "transformer.lora_alpha": 6,
          "transformer.rank_pattern": {}, "transformer.use_rslora": false})";
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("has alpha 6 and")));
  metadata_["lora_adapter_metadata"] =
      R"({"transformer.r": 4, "transformer.lora_alpha": 6})";
  EXPECT_THAT(Refusal(), HasSubstr("lora_adapter_metadata says r = 4"));
}

TEST_F(LoraStartTest, PeftsNamesWithoutItsConfigAreSaid) {
  std::map<std::string, std::pair<Shape, std::vector<float>>> renamed;
  for (const auto& [key, tensor] : tensors_) {
    renamed["base_model.model." + key.substr(16)] = tensor;
  }
  tensors_ = renamed;
  EXPECT_THAT(Warnings(),
              ElementsAre(HasSubstr("no adapter_config.json beside it")));
}

// Such as A under B's name: its numbers would be the model's, not a rank.
TEST_F(LoraStartTest, NoRankIsProposedForMatricesThatDoNotFit) {
  tensors_.clear();
  for (const auto& [module, shape] : shapes_) {
    if (shape.in != shape.out) continue;
    Add("diffusion_model." + module + ".lora_A.weight", {shape.out, kRank}, 1);
    Add("diffusion_model." + module + ".lora_B.weight", {kRank, shape.in}, 1);
  }
  config_.partial = true;
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("does not fit this model in 16 of 16"),
                               Not(HasSubstr("write lora.rank"))));
}

TEST_F(LoraStartTest, AnotherRankIsRefusedWithBothNumbers) {
  config_.rank = 4;
  config_.alpha = 4;
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("has rank 2, but lora.rank is 4"),
                               HasSubstr("write lora.rank: 2")));
  config_.partial = true;
  EXPECT_THAT(Refusal(), HasSubstr("write lora.rank: 2"));
  AddModule(kQuery, 8);
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("rank 2 in 19 layers"),
                    HasSubstr("rank 8 in 1 layer ('" + std::string(kQuery))));
}

TEST_F(LoraStartTest, MissingLayersAreNamedOrStartFresh) {
  Remove(".ffn.");
  EXPECT_THAT(
      Refusal(),
      AllOf(HasSubstr("no matrices for 4 layers ('blocks.0.ffn.0', "
                      "'blocks.0.ffn.2', 'blocks.1.ffn.0', ...)"),
            HasSubstr("write lora.targets: [k, o, q, v], or lora.partial: "
                      "true to start those fresh")));
  config_.partial = true;
  EXPECT_THAT(Warnings(),
              ElementsAre(AllOf(HasSubstr("4 layers"),
                                HasSubstr("to start those fresh"))));
  LoraAdapter fresh = NewAdapter("blocks.0.ffn.0");
  LoraAdapter taken = NewAdapter(kQuery);
  const at::Tensor before = fresh.a.master.clone();
  ASSERT_TRUE(StartFromLora(config_, wan_, {&fresh, &taken}).ok());
  EXPECT_TRUE(fresh.a.master.equal(before));
  EXPECT_TRUE(taken.a.master.equal(at::full_like(taken.a.master, 0.5)));
}

TEST_F(LoraStartTest, TargetsAreOnlyProposedWhereTheyCover) {
  Remove("self_attn");
  EXPECT_THAT(Refusal(), HasSubstr("[ffn.0, ffn.2, cross_attn.k, cross_attn.o, "
                                   "cross_attn.q, cross_attn.v]"));
  Remove("blocks.1.cross_attn.q");
  EXPECT_THAT(Refusal(), Not(HasSubstr("lora.targets: [")));
}

TEST_F(LoraStartTest, LayersThatAreNoTargetsAreNamedOrLeftOut) {
  config_.targets = {"q", "k", "v"};
  EXPECT_THAT(
      Refusal(),
      AllOf(HasSubstr("holds 8 keys ('diffusion_model.blocks.0.cross_attn.o."
                      "lora_A.weight'"),
            HasSubstr("write lora.targets: [ffn.0, ffn.2, k, o, q, v], or "
                      "lora.partial: true to leave those out")));
  config_.partial = true;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("to leave those out")));
}

TEST_F(LoraStartTest, LayersThatTheModelLacksAreNamedOrLeftOut) {
  AddModule("blocks.0.cross_attn.k_img");
  AddModule("blocks.0.cross_attn.v_img");
  AddModule("head.head");
  const std::string refusal = Refusal();
  EXPECT_THAT(
      refusal,
      AllOf(HasSubstr("holds 3 keys"), HasSubstr("k_img"), HasSubstr("v_img"),
            HasSubstr("head.head"),
            HasSubstr("; write lora.partial: true to leave those out")));
  EXPECT_THAT(refusal, Not(HasSubstr("lora.targets:")));
  config_.partial = true;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("k_img")));
}

TEST_F(LoraStartTest, DifferencesOfWholeTensorsAreNamedOrLeftOut) {
  Add("diffusion_model.blocks.0.self_attn.q.diff_b", {48}, 1.0f);
  Add("diffusion_model.blocks.0.self_attn.norm_q.diff", {48}, 1.0f);
  Add("diffusion_model.blocks.0.diff_m", {1, 6, 48}, 1.0f);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("3 keys"), HasSubstr("diff_m"),
                               HasSubstr("--merge-into"),
                               HasSubstr("lora.partial: true")));
  config_.partial = true;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("differences")));
}

TEST_F(LoraStartTest, ASecondExpertIsNamedOrLeftOut) {
  Add("transformer_2.blocks.0.attn1.to_q.lora_A.weight", {2, 4}, 1.0f);
  Add("transformer_2.blocks.0.attn1.to_q.lora_B.weight", {4, 2}, 1.0f);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("2 keys ('transformer_2."),
                               HasSubstr("of a second expert")));
  config_.partial = true;
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("second expert")));
}

TEST_F(LoraStartTest, EveryProblemIsSaidAtOnce) {
  config_.rank = 4;
  config_.alpha = 4;
  config_.targets = {"q", "k", "v", "ffn.0"};
  Remove(".ffn.0.");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("has rank 2"),
                               HasSubstr("has no matrices for 2 layers"),
                               HasSubstr("holds 6 keys")));
}

TEST_F(LoraStartTest, AFileOfAnotherModelIsRefusedWhateverPartialSays) {
  config_.partial = true;
  AddModule(kQuery);
  Add(absl::StrCat("diffusion_model.", kQuery, ".lora_A.weight"), {2, 5}, 1.0f);
  EXPECT_THAT(Refusal(),
              HasSubstr("does not fit this model in 1 of 20 layers"));
  tensors_.clear();
  AddModule("blocks.0.attn.qkv");
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("has none of the 20 layers"),
                               HasSubstr("blocks.0.attn.qkv")));
}

TEST_F(LoraStartTest, NumbersThatAreNotFiniteAreNamed) {
  const std::string key =
      absl::StrCat("diffusion_model.", kQuery, ".lora_B.weight");
  for (const float value : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    tensors_.at(key).second[3] = value;
    EXPECT_THAT(Refusal(), AllOf(HasSubstr(key), HasSubstr("element 3")));
  }
}

TEST_F(LoraStartTest, AdaptersOfOtherKindsAreNamed) {
  for (const auto& [ending, kind] :
       std::map<std::string, std::string>{{".dora_scale", "DoRA"},
                                          {".lokr_w1", "LoKr"},
                                          {".hada_w1_a", "LoHa"},
                                          {".lora_magnitude_vector", "DoRA"}}) {
    config_.partial = true;
    Add("diffusion_model.blocks.0.ffn.0" + ending, {4, 4}, 1.0f);
    EXPECT_THAT(Refusal(), AllOf(HasSubstr(kind), HasSubstr(ending)));
    Remove(ending);
  }
}

TEST_F(LoraStartTest, AFileThatIsNotThereIsNamed) {
  config_.init_from = "/nonexistent/lora.safetensors";
  const absl::Status status = CheckLoraStart(config_, wan_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("lora.init_from"), HasSubstr(config_.init_from)));
}

}  // namespace
}  // namespace halfpipe
