#include "stage/job/job_encoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "stage/job/small_job.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Only what says the width is as large as in UMT5-XXL.
TensorForms XxlForms(int64_t layers) {
  constexpr int64_t kWidth = 4096;
  TensorForms forms = {{"token_embedding.weight", {16, kWidth}},
                       {"norm.weight", {kWidth}}};
  for (int64_t i = 0; i < layers; ++i) {
    const std::string prefix = absl::StrCat("blocks.", i, ".");
    forms[prefix + "norm1.weight"] = {kWidth};
    forms[prefix + "norm2.weight"] = {kWidth};
    forms[prefix + "pos_embedding.embedding.weight"] = {32, 1};
    forms[prefix + "attn.o.weight"] = {kWidth, 2};
    forms[prefix + "ffn.fc2.weight"] = {kWidth, 2};
    for (const char* linear :
         {"attn.q", "attn.k", "attn.v", "ffn.gate.0", "ffn.fc1"}) {
      forms[absl::StrCat(prefix, linear, ".weight")] = {2, kWidth};
    }
  }
  return forms;
}

TEST(JobEncodersTest, UmtXxlHasAllItsLayers) {
  const SmallJob job;
  ModelConfig model = job.config.model;
  model.text_encoder = job.folder() / "xxl.safetensors";
  ModelSpec model_spec = *KnownModel("tiny-t2v", 2);
  model_spec.text_dim = 4096;
  for (const int64_t layers : {24, 23}) {
    WriteForms(model.text_encoder, XxlForms(layers));
    const auto encoder = OpenTextEncoder(model, at::kMeta, nullptr);
    ASSERT_TRUE(encoder.ok()) << encoder.status();
    const absl::Status fits = CheckTextEncoderFits(model, *encoder, model_spec);
    EXPECT_EQ(fits.ok(), layers == 24) << fits;
    if (layers == 24) continue;
    EXPECT_THAT(
        std::string(fits.message()),
        HasSubstr("xxl.safetensors has 23 layers, and UMT5-XXL has 24"));
  }
}

}  // namespace
}  // namespace halfpipe
