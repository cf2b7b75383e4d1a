#include "stage/wan/variant_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/model/published_sizes.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// made_up_variant_test trains with what a variant registers.
TEST(VariantPartsTest, WhatNobodyRegisteredIsNamed) {
  ModelSpec model = TinyWan();
  model.variant = "Unheard of";
  const RandomWeights weights(model, 1);
  const LayerLoader loader(&weights, {at::kCPU, at::kFloat, WeightForm::kBf16},
                           std::nullopt, nullptr);
  const absl::Status module =
      LoadVariantModule(loader, {.kind = "silence", .prefix = ""}).status();
  EXPECT_TRUE(absl::IsUnimplemented(module)) << module;
  EXPECT_THAT(std::string(module.message()), HasSubstr("'silence'"));
  const absl::Status embedding = LoadVariantEmbedding(loader).status();
  EXPECT_TRUE(absl::IsUnimplemented(embedding)) << embedding;
  EXPECT_THAT(std::string(embedding.message()), HasSubstr("'Unheard of'"));
}

TEST(VariantPartsTest, WhatIsRegisteredIsCalled) {
  ASSERT_TRUE(RegisterVariantModule(
      "refusing",
      +[](const LayerLoader&, const ExtraModule& module)
          -> absl::StatusOr<std::unique_ptr<VariantModule>> {
        return absl::DataLossError(module.prefix);
      }));
  const ModelSpec model = TinyWan();
  const RandomWeights weights(model, 1);
  const LayerLoader loader(&weights, {at::kCPU, at::kFloat, WeightForm::kBf16},
                           std::nullopt, nullptr);
  EXPECT_EQ(LoadVariantModule(loader, {.kind = "refusing", .prefix = "a.0."})
                .status(),
            absl::DataLossError("a.0."));
}

}  // namespace
}  // namespace halfpipe
