#include "stage/job/model_source.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr char kGolden[] = "tests/golden/t2v_diffusers/model";

ModelConfig Random(const std::string& variant, int64_t layers, int64_t seed) {
  ModelConfig config;
  config.random = {.variant = variant, .layers = layers, .seed = seed};
  return config;
}

ModelConfig File(const std::string& dit) {
  ModelConfig config;
  config.dit = dit;
  return config;
}

std::string FingerprintOf(const ModelConfig& config) {
  auto source = ModelSource::Open(config);
  EXPECT_TRUE(source.ok()) << source.status();
  auto fingerprint = source->Fingerprint();
  EXPECT_TRUE(fingerprint.ok()) << fingerprint.status();
  return *fingerprint;
}

TEST(ModelSourceTest, RandomModelsComeFromTheirNameAndSeed) {
  auto source = ModelSource::Open(Random("tiny-i2v", 2, 7));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->spec().layers, 2);
  EXPECT_EQ(source->spec().condition_channels(), 20);
  const char* const name = "blocks.1.self_attn.q.weight";
  auto weight = source->weights().Load(name, at::kFloat, at::kCPU);
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_EQ(weight->sizes(), (std::vector<int64_t>{48, 48}));
  const std::string fingerprint = FingerprintOf(Random("tiny-i2v", 2, 7));
  EXPECT_EQ(fingerprint, FingerprintOf(Random("tiny-i2v", 2, 7)));
  EXPECT_NE(fingerprint, FingerprintOf(Random("tiny-i2v", 2, 8)));
  EXPECT_NE(fingerprint, FingerprintOf(Random("tiny-i2v", 3, 7)));
  EXPECT_NE(fingerprint, FingerprintOf(Random("tiny-t2v", 2, 7)));
  const absl::Status unknown = ModelSource::Open(Random("huge", 0, 0)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(unknown));
  EXPECT_THAT(MessageOf(unknown), HasSubstr("model.random.variant: 'huge'"));
}

TEST(ModelSourceTest, TheIdentityChangesWithTheFiles) {
  ScratchFolder scratch;
  const std::string copy = scratch / "model";
  std::filesystem::copy(kGolden, copy);
  const auto identity = [](const ModelConfig& config) {
    return ModelSource::Open(config).value().Identity();
  };
  const std::string first = identity(File(copy));
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(identity(File(copy)), first);
  EXPECT_NE(identity(File(kGolden)), first);
  for (const auto& file : std::filesystem::directory_iterator(copy)) {
    if (file.path().extension() != ".safetensors") continue;
    std::filesystem::last_write_time(
        file.path(), file.last_write_time() + std::chrono::seconds(1));
  }
  EXPECT_NE(identity(File(copy)), first);
  EXPECT_EQ(identity(Random("tiny-t2v", 2, 7)),
            identity(Random("tiny-t2v", 2, 7)));
  EXPECT_NE(identity(Random("tiny-t2v", 2, 7)),
            identity(Random("tiny-t2v", 2, 8)));
}

TEST(ModelSourceTest, AStatedVariantMustBeTheFilesOwn) {
  ModelConfig config = File("tests/golden/i2v_a14b_native/model");
  config.variant = "i2v-a14b";
  EXPECT_TRUE(ModelSource::Open(config).ok());
  config.variant = "t2v-a14b";
  const absl::Status other = ModelSource::Open(config).status();
  EXPECT_TRUE(absl::IsInvalidArgument(other));
  EXPECT_THAT(MessageOf(other), HasSubstr("model.variant: t2v-a14b has 16"));
  config.variant = "t2v-a14";
  const absl::Status unknown = ModelSource::Open(config).status();
  EXPECT_TRUE(absl::IsInvalidArgument(unknown));
  EXPECT_THAT(MessageOf(unknown), HasSubstr("model.variant: 't2v-a14' is no"));
  EXPECT_TRUE(
      absl::IsNotFound(ModelSource::Open(File("no/such/model")).status()));
}

TEST(ModelSourceTest, OtherWeightsHaveAnotherFingerprint) {
  ScratchFolder folder;
  const std::string copy = folder / "model";
  std::filesystem::copy(kGolden, copy);
  const std::string original = FingerprintOf(File(kGolden));
  EXPECT_EQ(FingerprintOf(File(copy)), original);
  // The last byte of the file lies in a small tensor.
  std::fstream file(copy + "/diffusion_pytorch_model.safetensors",
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  const int last = file.get();
  file.seekp(-1, std::ios::end);
  file.put(static_cast<char>(last ^ 1));
  file.close();
  EXPECT_NE(FingerprintOf(File(copy)), original);
}

}  // namespace
}  // namespace halfpipe
