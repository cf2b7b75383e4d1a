#include "stage/train/sample_store.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/scratch_folder.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(SampleStoreTest, TensorsComeBackWithTheirBits) {
  ScratchFolder folder;
  const at::Tensor matrix = at::arange(12, at::kFloat).view({3, 4});
  const NamedTensors tensors = {{"transposed", matrix.t()},
                                {"half", at::full({2}, 1.5, at::kBFloat16)},
                                {"scalar", at::full({}, 7.0, at::kDouble)}};
  const std::string path = folder / "tensors.safetensors";
  ASSERT_TRUE(WriteTensorFile(path, tensors, {{"steps", "3"}}).ok());
  auto read = ReadTensorFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(read->at(name).equal(tensor)) << name;
    EXPECT_EQ(read->at(name).scalar_type(), tensor.scalar_type()) << name;
  }
  auto archive = OpenTensorArchive(path);
  ASSERT_TRUE(archive.ok());
  EXPECT_EQ((*archive)->metadata().at("steps"), "3");
}

TEST(SampleStoreTest, LatentSamplesKeepWhatTheyHave) {
  ScratchFolder folder;
  at::manual_seed(1);
  LatentSample sample;
  sample.latents = at::randn({1, 4, 2, 4, 6});
  ASSERT_TRUE(WriteLatentSample(folder / "plain.safetensors", sample).ok());
  auto plain = ReadLatentSample(folder / "plain.safetensors");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(plain->latents.equal(sample.latents));
  EXPECT_FALSE(plain->y.defined());
  EXPECT_FALSE(plain->clip_feature.defined());

  sample.y = at::randn({1, 20, 2, 4, 6});
  sample.clip_feature = at::randn({1, 257, 8});
  ASSERT_TRUE(WriteLatentSample(folder / "full.safetensors", sample).ok());
  auto full = ReadLatentSample(folder / "full.safetensors");
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_TRUE(full->y.equal(sample.y));
  EXPECT_TRUE(full->clip_feature.equal(sample.clip_feature));
}

TEST(SampleStoreTest, ContextRowsBehindTheLengthAreZero) {
  ScratchFolder folder;
  const at::Tensor context = at::ones({1, 512, 8});
  ASSERT_TRUE(WriteContext(folder / "context.safetensors", context, 5).ok());
  auto stored = ReadTensorFile(folder / "context.safetensors");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->at("context").size(1), 5);  // the rest is not on the disk
  auto read = ReadContext(folder / "context.safetensors");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sizes(), (std::vector<int64_t>{1, 512, 8}));
  EXPECT_EQ(read->scalar_type(), at::kBFloat16);
  EXPECT_EQ(read->narrow(1, 0, 5).min().item<float>(), 1.0F);
  EXPECT_EQ(read->narrow(1, 5, 507).abs().max().item<float>(), 0.0F);
}

TEST(SampleStoreTest, AnotherFileIsDataLossAndSaysWhatToDo) {
  ScratchFolder folder;
  const std::string path = folder / "other.safetensors";
  ASSERT_TRUE(WriteTensorFile(path, {{"latents", at::ones({2, 2})}}).ok());
  for (const absl::Status& status :
       {ReadLatentSample(path).status(), ReadContext(path).status()}) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(path));
    EXPECT_THAT(MessageOf(status), HasSubstr("delete it"));
  }
  ASSERT_TRUE(WriteTensorFile(path, {{"context", at::ones({1, 513, 2})}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadContext(path).status()));
  EXPECT_TRUE(
      absl::IsNotFound(ReadLatentSample(folder / "none.safetensors").status()));
}

}  // namespace
}  // namespace halfpipe
