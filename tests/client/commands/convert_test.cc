#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/client_test_support.h"
#include "client/lora/lora_of_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class ConvertCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteOnes(in_, kDiffusersModel, LoraFormat::kDiffSynth,
              {"blocks.0.self_attn.q"});
  }

  CliResult Run(const std::vector<const char*>& more) {
    std::vector<const char*> arguments = {"convert", in_.c_str(), out_.c_str(),
                                          "--force"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCli(arguments);
  }

  const TestDirectory directory_;
  const std::string in_ = directory_.Path("in.safetensors");
  const std::string out_ = directory_.Path("out.safetensors");
};

TEST_F(ConvertCommandTest, SaysWhatItWrote) {
  const CliResult text = Run({"--to", "comfyui", "--base", kDiffusersModel});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("1 modules as comfyui, BF16, every key in"));
  const CliResult json = Run({"--to", "musubi", "-o", "json"});
  const auto value = nlohmann::json::parse(json.out, nullptr, false);
  EXPECT_EQ(value["format"], "musubi");
  EXPECT_EQ(value["checked_against_base"], false);
  EXPECT_EQ(value["files"][0], out_);
}

TEST_F(ConvertCommandTest, MergesIntoTheModel) {
  const CliResult result =
      Run({"--merge-into", kDiffusersModel, "--strength", "0.5"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("1 of 1 modules merged into"));
  EXPECT_TRUE(OpenTensorArchive(out_).ok());
}

// Who has the file alone has lost its alpha.
TEST_F(ConvertCommandTest, WarnsOfPeftsNamesWithoutItsConfig) {
  const std::string peft = directory_.Path("peft.safetensors");
  WriteOnes(peft, kDiffusersModel, LoraFormat::kPeft, {"blocks.0.self_attn.q"});
  for (const std::vector<const char*>& how :
       {std::vector<const char*>{"--to", "comfyui"},
        std::vector<const char*>{"--merge-into", kDiffusersModel}}) {
    std::vector<const char*> arguments = {"convert", peft.c_str(), out_.c_str(),
                                          "--force"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const CliResult result = RunCli(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("warning: " + peft));
    EXPECT_THAT(result.err, HasSubstr("no adapter_config.json"));
  }
  EXPECT_EQ(Run({"--to", "comfyui"}).err, "");
}

TEST_F(ConvertCommandTest, OverwritesOnlyWhenTold) {
  const std::string kept = directory_.Write("kept.safetensors", "precious");
  std::vector<const char*> arguments = {"convert", in_.c_str(), kept.c_str(),
                                        "--to", "comfyui"};
  const CliResult refused = RunCli(arguments);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr(kept + " is there already"));
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_FALSE(OpenTensorArchive(kept).ok());
  arguments.push_back("--force");
  EXPECT_EQ(RunCli(arguments).code, 0);
  EXPECT_TRUE(OpenTensorArchive(kept).ok());
}

TEST_F(ConvertCommandTest, SaysWhatIsWrong) {
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_THAT(Run({}).err, HasSubstr("--to FORMAT or --merge-into DIT"));
  EXPECT_EQ(Run({"--to", "kohya"}).code, 2);
  EXPECT_THAT(Run({"--to", "kohya"}).err, HasSubstr("musubi"));
  EXPECT_EQ(Run({"--to", "peft", "--merge-into", "x"}).code, 2);
  EXPECT_EQ(Run({"--to", "peft", "--strength", "2"}).code, 2);
  const CliResult absent = Run({"--merge-into", "/nowhere"});
  EXPECT_EQ(absent.code, 3);
  EXPECT_THAT(absent.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace halfpipe
