#include "client/lora/lora_match.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/model/known_variants.h"
#include "common/model/linear_shapes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

LoraModule Module(const std::string& name, int64_t in, int64_t out) {
  return {.module = name, .rank = 2, .in = in, .out = out};
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

TEST(LoraMatchTest, EveryModuleThatTheBaseLacksIsNamed) {
  const auto wan = KnownModel("tiny-t2v", 2);
  ASSERT_TRUE(wan.ok());
  const LinearShapes base = AllLinearShapesOf(*wan);
  LoraFile lora;
  lora.modules = {Module("blocks.1.ffn.0", 48, 96),
                  Module("head.head", 48, 64)};
  EXPECT_TRUE(CheckEveryModule(lora, base).ok());
  lora.modules.push_back(Module("blocks.1.fnn.0", 48, 96));
  lora.modules.push_back(Module("blocks.0.ffn.2", 48, 96));  // the wrong way
  lora.modules.push_back(Module("blocks.2.ffn.0", 48, 96));  // too deep
  const absl::Status status = CheckEveryModule(lora, base);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("3 of 5 modules"));
  EXPECT_THAT(MessageOf(status), HasSubstr("nearest name is 'blocks.1.ffn.0'"));
  EXPECT_THAT(MessageOf(status), HasSubstr("'blocks.0.ffn.2' maps 48 to 96"));
  EXPECT_THAT(MessageOf(status), HasSubstr("'blocks.2.ffn.0'"));
}

TEST(LoraMatchTest, WithoutABaseTheFamilysNamesCount) {
  LoraFile lora;
  lora.modules = {Module("blocks.39.cross_attn.k_img", 1, 2),
                  Module("img_emb.proj.1", 3, 4),
                  Module("time_projection.1", 5, 6)};
  EXPECT_TRUE(CheckModuleNames(lora).ok());
  lora.modules.push_back(Module("blocks.3.self_attn.qq", 1, 2));
  lora.modules.push_back(Module("vace_blocks.0.self_attn.q", 1, 2));
  lora.modules.push_back(Module("blocks.99999999999.ffn.0", 1, 2));
  const std::string message = MessageOf(CheckModuleNames(lora));
  EXPECT_THAT(message, HasSubstr("3 of 6"));
  EXPECT_THAT(message, HasSubstr("nearest name is 'blocks.3.self_attn.q'"));
  EXPECT_THAT(message, HasSubstr("vace_blocks"));
}

TEST(LoraMatchTest, AFileOfAnotherKindFillsNoScreen) {
  LoraFile lora;
  for (int i = 0; i < 50; ++i) {
    lora.modules.push_back(Module(absl::StrCat("unet.", i), 1, 1));
  }
  const std::string message = MessageOf(CheckModuleNames(lora));
  EXPECT_THAT(message, HasSubstr("50 of 50"));
  EXPECT_THAT(message, HasSubstr("and 30 more"));
  EXPECT_THAT(message, Not(HasSubstr("unet.49'")));
}

}  // namespace
}  // namespace halfpipe
