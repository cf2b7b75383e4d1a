#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/config/job_config_fixture.h"
#include "common/config/job_fields.h"
#include "common/config/schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MeantKeysTest, PreviewsAreSaidNotToBeThere) {
  for (const char* word : {"sample_every", "sample_prompts", "preview_every"}) {
    for (const char* section : {"", "train", "output"}) {
      EXPECT_THAT(
          MeantKeyHint(section, word),
          AllOf(HasSubstr("not made here yet"), HasSubstr("validation.every")));
    }
  }
}

TEST(MeantKeysTest, AFolderMeansWhatItsSectionIsAbout) {
  EXPECT_THAT(MeantKeyHint("data", "dir"), HasSubstr("data.path"));
  EXPECT_THAT(MeantKeyHint("data", "folder"), HasSubstr("data.path"));
  EXPECT_THAT(MeantKeyHint("output", "path"), HasSubstr("output.dir"));
  EXPECT_THAT(MeantKeyHint("model", "path"), HasSubstr("model.dit"));
  EXPECT_THAT(MeantKeyHint("", "data_dir"), HasSubstr("path under data"));
  EXPECT_EQ(MeantKeyHint("train", "dir"), "");
}

TEST(MeantKeysTest, AJobFileSaysThemWithLineAndKey) {
  EXPECT_EQ(ErrorOf(JobWith("path: /data/clips,",
                            "path: /data/clips, dir: /data/clips,")),
            "job.yaml:10: data.dir: unknown key: the folder of the clips is "
            "data.path: write path");
  EXPECT_THAT(ErrorOf(JobWith("  seed: 7", "  sample_every: 250")),
              HasSubstr("job.yaml:17: train.sample_every: unknown key: clips "
                        "made with the LoRA"));
  // The section decides where another trainer's word has two meanings.
  EXPECT_THAT(ErrorOf(JobWith("save_every: 30min", "directory: /x")),
              HasSubstr("output.directory: unknown key: the folder of the "
                        "results is output.dir"));
  // A slip of the pen is still one.
  EXPECT_THAT(ErrorOf(JobWith("seed: 7", "sead: 7")),
              HasSubstr("did you mean 'seed'?"));
  EXPECT_THAT(ErrorOf(JobWith("seed: 7", "zzzzzz: 7")),
              AllOf(HasSubstr("allowed here"), Not(HasSubstr("yet"))));
}

// A hint must not send anybody to a key that there is not.
TEST(MeantKeysTest, EveryKeyThatAHintNamesExists) {
  JobConfig config;
  const std::vector<Field> fields = JobFields(&config);
  const auto exists = [&](absl::string_view key) {
    return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
      return field.key == key || IsWithin(field.section(), key);
    });
  };
  const std::pair<const char*, const char*> words[] = {
      {"", "sample_every"},  {"data", "dir"},       {"data", "captions"},
      {"data", "size"},      {"", "cache_latents"}, {"output", "folder"},
      {"", "save_interval"}, {"", "keep_last"},     {"", "eval_every"},
      {"train", "iters"},    {"train", "batch"},    {"train", "precision"},
      {"model", "ckpt"},     {"model", "type"},     {"model", "quantize"},
      {"", "gpus"},          {"", "resume"},        {"lora", "dropout"},
      {"", "noise_offset"},  {"", "scheduler"},     {"", "unet_lr"},
      {"pipeline", "vram"},  {"pipeline", "ram"}};
  int keys = 0;
  for (const auto& [section, word] : words) {
    const std::string hint = MeantKeyHint(section, word);
    EXPECT_NE(hint, "") << word;
    for (const char* top : {"model.", "lora.", "data.", "train.", "pipeline.",
                            "output.", "validation."}) {
      for (size_t at = hint.find(top); at != std::string::npos;
           at = hint.find(top, at + 1)) {
        size_t end = hint.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.", at);
        std::string key = hint.substr(at, end - at);
        while (key.back() == '.') key.pop_back();
        EXPECT_TRUE(exists(key)) << word << ": " << key;
        ++keys;
      }
    }
  }
  EXPECT_GT(keys, 25);
}

}  // namespace
}  // namespace halfpipe
