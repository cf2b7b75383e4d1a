#include "client/demo/demo_model.h"

#include <string>

#include "common/base/dtype.h"
#include "common/model/checkpoint.h"
#include "common/store/scratch_folder.h"
#include "common/store/tensor_archive.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

Shape ShapeIn(const std::string& file, const std::string& name) {
  const auto archive = OpenTensorArchive(file).value();
  const auto found = archive->tensors().find(name);
  return found == archive->tensors().end() ? Shape() : found->second.shape;
}

TEST(DemoModelTest, TheTransformerIsRecognisedAsWan) {
  const ScratchFolder scratch;
  ASSERT_TRUE(WriteDemoModel(scratch.path(), {"a word"}).ok());
  const auto checkpoint = OpenWanCheckpoint(scratch / "dit");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->variant.spec, DemoModelSpec());
}

TEST(DemoModelTest, TheEncodersHaveThePublishedNames) {
  const ScratchFolder scratch;
  ASSERT_TRUE(WriteDemoModel(scratch.path(), {"a word"}).ok());
  const std::string text = scratch / "models_t5_umt5.safetensors";
  // 357 pieces, rounded up.
  EXPECT_EQ(ShapeIn(text, "token_embedding.weight"), (Shape{384, 32}));
  EXPECT_EQ(ShapeIn(text, "blocks.1.ffn.gate.0.weight"), (Shape{64, 32}));
  const std::string vae = scratch / "Wan2.1_VAE.safetensors";
  EXPECT_EQ(ShapeIn(vae, "encoder.downsamples.0.residual.2.weight"),
            (Shape{8, 8, 3, 3, 3}));
  EXPECT_EQ(ShapeIn(vae, "encoder.downsamples.5.time_conv.weight"),
            (Shape{16, 16, 3, 1, 1}));
  EXPECT_EQ(ShapeIn(vae, "encoder.downsamples.10.residual.6.weight"),
            (Shape{32, 32, 3, 3, 3}));
  EXPECT_EQ(ShapeIn(vae, "encoder.head.2.weight"), (Shape{32, 32, 3, 3, 3}));
}

}  // namespace
}  // namespace halfpipe
