// What a user is told about a job file that is wrong.
#include "common/config/job_config_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(JobConfigErrorsTest, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(ErrorOf(JobWith("learning_rate", "learning_rat")),
            "job.yaml:15: train.optimizer.learning_rat: unknown key: did you "
            "mean 'learning_rate'?");
  EXPECT_EQ(ErrorOf(JobWith("lora: {", "loar: {")),
            "job.yaml:9: loar: unknown key: did you mean 'lora'?");
}

TEST(JobConfigErrorsTest, MisplacedKeyNamesItsSection) {
  EXPECT_EQ(ErrorOf(JobWith("  seed: 7", "  seed: 7\n  min_boundary: 0.1")),
            "job.yaml:18: train.min_boundary: unknown key: it belongs under "
            "train.timesteps");
  EXPECT_EQ(ErrorOf(JobWith("  seed: 7", "  lr: 1e-3")),
            "job.yaml:17: train.lr: unknown key: it is called "
            "train.optimizer.learning_rate here");
  EXPECT_EQ(
      ErrorOf(JobWith("name: my-character", "name: a\ntrain.max_grad_norm: 2")),
      "job.yaml:2: train.max_grad_norm: unknown key: write it nested: "
      "'max_grad_norm' under 'train'");
}

TEST(JobConfigErrorsTest, KeyWithoutANeighbourListsWhatIsAllowed) {
  EXPECT_THAT(ErrorOf(JobWith("rank: 32", "zzzzzzzz: 32")),
              HasSubstr("lora.zzzzzzzz: unknown key: allowed here: rank, "
                        "alpha, targets, init_from"));
}

TEST(JobConfigErrorsTest, AllProblemsAtOnceInOrderOfLines) {
  std::string job = JobWith("rank: 32", "rank: 0");
  absl::StrReplaceAll({{"frames: 49", "frames: 50"},
                       {"height: 480", "height: 490"},
                       {"steps: 2000", "steps: many"},
                       {"max_boundary: 0.358", "max_boundary: 1.5"},
                       {"1f1b", "1f1"},
                       {"  vae: /models/Wan2.1_VAE.pth\n", ""}},
                      &job);
  EXPECT_EQ(ErrorOf(job),
            "job.yaml:2: model.vae: is missing: expected a path (needed to "
            "encode data)\n"
            "job.yaml:8: lora.rank: expected an integer from 1 to 4096, found "
            "0\n"
            "job.yaml:9: data.height: expected a multiple of 16, found 490 "
            "(480 or 496)\n"
            "job.yaml:10: data.frames: expected 4k+1, found 50 (49 or 53)\n"
            "job.yaml:12: train.steps: expected an integer from 1 to "
            "10000000, found 'many'\n"
            "job.yaml:15: train.timesteps.max_boundary: expected a number >= "
            "0 and <= 1, found 1.5\n"
            "job.yaml:17: pipeline.schedule: expected one of 1f1b, gpipe, "
            "sequential, interleaved, found '1f1'; did you mean '1f1b'?");
}

// Found by fuzzing: their neighbours overflowed.
TEST(JobConfigErrorsTest, NumbersPastEveryRangeHaveOneProblemEach) {
  std::string job = JobWith("height: 480", "height: 9223372036854775801");
  absl::StrReplaceAll({{"width: 832", "width: 83266666666666666666666666"},
                       {"frames: 49", "frames: -9223372036854775808"}},
                      &job);
  EXPECT_EQ(ErrorOf(job),
            "job.yaml:10: data.width: expected an integer from 0 to 4096, "
            "found '83266666666666666666666666'\n"
            "job.yaml:10: data.height: expected an integer from 0 to 4096, "
            "found 9223372036854775801\n"
            "job.yaml:11: data.frames: expected an integer from 1 to 1025, "
            "found -9223372036854775808");
}

TEST(JobConfigErrorsTest, MissingRequiredKeys) {
  EXPECT_EQ(ErrorOf("lora: {rank: 4}\nmodel: {random: {variant: x}}\n"
                    "data: {height: 16, width: 16, random: {samples: 1}}\n"
                    "train:\n"),
            "job.yaml:1: name: is missing: expected text\n"
            "job.yaml:1: output.dir: is missing: expected a path\n"
            "job.yaml:4: train.steps: is missing: expected an integer from 1 "
            "to 10000000");
}

TEST(JobConfigErrorsTest, DuplicateKeys) {
  EXPECT_EQ(ErrorOf(JobWith("  seed: 7", "  seed: 7\n  seed: 8")),
            "job.yaml:18: train.seed: is given twice (first in line 17): "
            "remove one");
}

TEST(JobConfigErrorsTest, WrongTypes) {
  EXPECT_THAT(ErrorOf(JobWith("rank: 32", "rank: 3.5")), HasSubstr("'3.5'"));
  EXPECT_THAT(ErrorOf(JobWith("rank: 32", "rank: [1]")), HasSubstr("a list"));
  EXPECT_THAT(
      ErrorOf(JobWith("targets: [q, k, v, o, ffn.0, ffn.2]", "targets: q")),
      HasSubstr("lora.targets: expected a list of texts, found 'q'"));
  EXPECT_THAT(ErrorOf(JobWith("learning_rate: 1.0e-4", "learning_rate: .nan")),
              HasSubstr("'.nan'"));
  EXPECT_THAT(ErrorOf(JobWith("lora: {rank: 32, alpha: 16, targets: [q, k, v, "
                              "o, ffn.0, ffn.2]}",
                              "lora: 32")),
              HasSubstr("lora: expected a mapping with rank, alpha, targets, "
                        "init_from, partial, found '32'"));
  EXPECT_THAT(ErrorOf(JobWith("  seed: 7", "  deterministic: yes")),
              HasSubstr("expected true or false, found 'yes'"));
  EXPECT_THAT(ErrorOf(JobWith("dit: /models/high_noise_model", "dit:")),
              HasSubstr("model.dit: expected a path, found nothing"));
}

TEST(JobConfigErrorsTest, RulesBetweenKeys) {
  EXPECT_THAT(ErrorOf(JobWith("min_boundary: 0.0", "min_boundary: 0.358")),
              HasSubstr("train.timesteps.max_boundary: expected more than "
                        "min_boundary (0.358), found 0.358"));
  EXPECT_THAT(ErrorOf(JobWith("height: 480, ", "")),
              HasSubstr("data.height: is missing: give both"));
  EXPECT_THAT(ErrorOf(JobWith("  variant: auto", "  random: {variant: x}")),
              HasSubstr("model.dit: excludes model.random.variant"));
  EXPECT_THAT(
      ErrorOf(JobWith("  seed: 7", "  lr_schedule: {warmup_steps: 2001}")),
      HasSubstr("expected at most train.steps (2000), found 2001"));
  EXPECT_THAT(ErrorOf(JobWith("memory: auto", "warmup: [2, 3]")),
              HasSubstr("pipeline.warmup: expected the first number"));
  EXPECT_THAT(ErrorOf(JobWith("[diffsynth, comfyui]", "[comfyui, comfyui]")),
              HasSubstr("output.formats: holds an entry twice"));
  EXPECT_THAT(ErrorOf(JobWith("30min", "30 minutes")),
              HasSubstr("output.save_every: expected a number of steps"));
  EXPECT_THAT(ErrorOf(JobWith("30min", "0")), HasSubstr("output.save_every"));
}

TEST(JobConfigErrorsTest, DocumentsThatAreNoMapping) {
  EXPECT_EQ(ErrorOf("- a\n- b\n"),
            "job.yaml:1: expected a mapping of keys, found a list");
  EXPECT_THAT(ErrorOf("name: [unclosed\n"), HasSubstr("is not valid YAML"));
  EXPECT_THAT(ErrorOf("# nothing\n"), HasSubstr("name: is missing"));
  EXPECT_THAT(ErrorOf("{[a, b]: 1}"), HasSubstr("not a word"));
  EXPECT_THAT(ErrorOf(std::string(2 << 20, '#')), HasSubstr("1 MiB"));
  EXPECT_THAT(ErrorOf(std::string(100000, '[')),
              HasSubstr("is not valid YAML"));
}

TEST(JobConfigErrorsTest, SeveralDocuments) {
  for (const char* text :
       {"name: a\n---\nname: b\n", "name: a\n...\nname: b\n",
        "  name: a\nname: b\n", "{name: a}\nname: b\n",
        "name: a\n%YAML 1.2\nname: b\n", "&a\n  name: a\nname: b\n",
        "!!map\n  name: a\nname: b\n", "name\n---\nname: b\n"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("several YAML documents")) << text;
  }
}

TEST(JobConfigErrorsTest, ATextThatBeginsWithACommaEnds) {
  // yaml-cpp's LoadAll never comes back from it.
  EXPECT_EQ(ParseJobConfig(",,name: x\n", "job.yaml").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfpipe
