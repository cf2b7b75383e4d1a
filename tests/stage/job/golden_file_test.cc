#include "stage/job/golden_file.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "common/store/scratch_folder.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kModule[] = "blocks.0.self_attn.q";

// The contents of a file that is complete; tests damage one thing of it.
struct Contents {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

Contents Complete() {
  at::manual_seed(1);
  const Shape latents = {5, 4, 2, 4, 6};
  Contents contents;
  contents.tensors = {{"in.latents", at::randn(latents)},
                      {"in.timestep", at::arange(5, at::kFloat)},
                      {"in.context", at::randn({5, 7, 8})},
                      {"in.target", at::randn(latents)},
                      {"out.prediction", at::randn(latents)},
                      {"out.loss", at::full({}, 0.5, at::kFloat)}};
  for (const char* prefix : {"lora.", "grad."}) {
    contents.tensors[prefix + GoldenLoraKey(kModule, false)] =
        at::randn({3, 12});
    contents.tensors[prefix + GoldenLoraKey(kModule, true)] =
        at::randn({12, 3});
  }
  contents.metadata = {{"rank", "3"}, {"alpha", "4.5"}, {"anything", "else"}};
  return contents;
}

absl::StatusOr<GoldenFile> WriteAndRead(const Contents& contents) {
  ScratchFolder folder;
  const std::string path = folder / "golden.safetensors";
  const NamedTensors rows(contents.tensors.begin(), contents.tensors.end());
  EXPECT_TRUE(WriteTensorFile(path, rows, contents.metadata).ok());
  return ReadGoldenFile(path);
}

// The message about a file after `damage`.
std::string Refusal(const std::function<void(Contents*)>& damage) {
  Contents contents = Complete();
  damage(&contents);
  const absl::Status status = WriteAndRead(contents).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("golden.safetensors: "));
  return MessageOf(status);
}

TEST(GoldenFileTest, ReadsACompleteFile) {
  const Contents contents = Complete();
  auto golden = WriteAndRead(contents);
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(golden->rank, 3);
  EXPECT_DOUBLE_EQ(golden->alpha, 4.5);
  EXPECT_FALSE(golden->first_frame_given);
  EXPECT_EQ(golden->batch(), 5);
  ASSERT_EQ(golden->lora.count(kModule), 1u);
  EXPECT_TRUE(golden->lora.at(kModule).b.equal(
      contents.tensors.at("lora." + GoldenLoraKey(kModule, true))));
  EXPECT_EQ(golden->gradients.size(), 2u);
}

TEST(GoldenFileTest, ReadsTheRepositorysOwnGoldens) {
  auto golden =
      ReadGoldenFile("tests/golden/wan21_i2v_clip/golden.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(golden->inputs.count("clip_feature"), 1u);
  auto source = GoldenSource::Create(&*golden, 2);
  ASSERT_TRUE(source.ok());
  auto shape = source->ShapeOfPart(Microbatch(1));
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape->image_tokens, 257);
  auto first_frame =
      ReadGoldenFile("tests/golden/ti2v_5b_first_frame/golden.safetensors");
  ASSERT_TRUE(first_frame.ok()) << first_frame.status();
  EXPECT_TRUE(first_frame->first_frame_given);
}

TEST(GoldenFileTest, KeysAreDiffSynths) {
  EXPECT_EQ(GoldenLoraKey(kModule, false),
            "blocks.0.self_attn.q.lora_A.default.weight");
}

TEST(GoldenFileTest, ListsEverythingThatIsMissingOrSurplus) {
  const std::string a = GoldenLoraKey(kModule, false);
  const std::string message = Refusal([&](Contents* contents) {
    contents->tensors.erase("in.context");
    contents->tensors.erase("out.loss");
    contents->tensors.erase("grad." + a);
    contents->tensors["grad.blocks.7.other"] = at::ones({1});
    contents->tensors["in.vace_context"] = at::ones({5});
    contents->tensors["extra"] = at::ones({1});
  });
  EXPECT_THAT(message, AllOf(HasSubstr("'in.context' is missing"),
                             HasSubstr("'out.loss' is missing"),
                             HasSubstr("'grad." + a + "' is missing")));
  EXPECT_THAT(message,
              AllOf(HasSubstr("'grad.blocks.7.other'"),
                    HasSubstr("'in.vace_context'"), HasSubstr("'extra'")));
}

TEST(GoldenFileTest, AGradientHasTheShapeOfItsMatrix) {
  EXPECT_THAT(Refusal([](Contents* contents) {
                contents->tensors["grad." + GoldenLoraKey(kModule, true)] =
                    at::ones({11, 3});
              }),
              AllOf(HasSubstr("lora_B"), HasSubstr("[12, 3], found [11, 3]")));
}

TEST(GoldenFileTest, APrefixBehindInIsNoOther) {
  EXPECT_THAT(Refusal([](Contents* contents) {
                auto node = contents->tensors.extract(
                    "grad." + GoldenLoraKey(kModule, false));
                node.key() = "in." + node.key();
                contents->tensors.insert(std::move(node));
              }),
              AllOf(HasSubstr("'in.grad."), HasSubstr("is missing")));
}

TEST(GoldenFileTest, AMatrixThatComesTwiceIsRefused) {
  EXPECT_THAT(Refusal([](Contents* contents) {
                contents->tensors["lora.blocks.0.self_attn.q.lora_A.weight"] =
                    at::ones({3, 12});
              }),
              HasSubstr("twice"));
}

TEST(GoldenFileTest, ShapesMustFitTheBatchAndTheRank) {
  EXPECT_THAT(Refusal([](Contents* contents) {
                contents->tensors["in.timestep"] = at::ones({4});
              }),
              HasSubstr("in.timestep: expected 5 samples"));
  EXPECT_THAT(Refusal([](Contents* contents) {
                contents->tensors["out.prediction"] = at::ones({5, 4, 2, 4, 4});
              }),
              HasSubstr("out.prediction: expected the shape of in.latents"));
  EXPECT_THAT(Refusal([](Contents* contents) {
                contents->tensors["in.latents"] = at::ones({5, 4});
              }),
              HasSubstr("expected shape (B, C, F, H, W)"));
  EXPECT_THAT(
      Refusal([](Contents* contents) { contents->metadata["rank"] = "2"; }),
      HasSubstr("does not fit rank 2"));
}

TEST(GoldenFileTest, MetadataMustBeNumbers) {
  for (const char* rank : {"", "three", "0", "-3", "2.5", "nan", "inf"}) {
    EXPECT_THAT(Refusal([rank](Contents* contents) {
                  contents->metadata["rank"] = rank;
                }),
                HasSubstr("metadata 'rank'"))
        << rank;
  }
  for (const char* alpha : {"", "x", "nan"}) {
    EXPECT_THAT(Refusal([alpha](Contents* contents) {
                  contents->metadata["alpha"] = alpha;
                }),
                HasSubstr("metadata 'alpha'"))
        << alpha;
  }
}

TEST(GoldenSourceTest, PartsCoverTheBatchOnce) {
  auto golden = WriteAndRead(Complete());
  ASSERT_TRUE(golden.ok());
  for (int parts = 1; parts <= 5; ++parts) {
    auto source = GoldenSource::Create(&*golden, parts);
    ASSERT_TRUE(source.ok());
    std::vector<at::Tensor> latents;
    double share = 0.0;
    for (int i = 0; i < parts; ++i) {
      auto data = source->Load(StepPlan(), Microbatch(i));
      ASSERT_TRUE(data.ok());
      auto shape = source->ShapeOfPart(Microbatch(i));
      ASSERT_TRUE(shape.ok());
      EXPECT_EQ(shape->batch, data->inputs.latents.size(0));
      EXPECT_EQ(shape->text_tokens, 7);
      EXPECT_EQ(shape->columns, 6);
      EXPECT_FALSE(data->inputs.y.defined());
      EXPECT_EQ(data->gradient_share, source->ShareOf(Microbatch(i)));
      share += data->gradient_share;
      latents.push_back(data->inputs.latents);
    }
    EXPECT_TRUE(at::cat(latents).equal(golden->inputs.at("latents")));
    EXPECT_DOUBLE_EQ(share, 1.0);
  }
  for (int parts : {0, -1, 6}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        GoldenSource::Create(&*golden, parts).status()));
  }
}

}  // namespace
}  // namespace halfpipe
