#include "common/config/job_config_fixture.h"
#include "common/config/schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The hint for the one key of a section in a document.
std::string HintOf(const std::string& name, const std::string& value,
                   const std::string& more = "") {
  const YAML::Node document =
      YAML::Load("train:\n  " + name + ": " + value + "\n" + more);
  return ForeignKeyHint(name, document["train"][name], document);
}

// sigma of index i of the grid of 1000 places, as the timesteps are drawn.
double SigmaAt(double boundary, double shift) {
  const double u = 1.0 - boundary;
  return shift * u / (1.0 + (shift - 1.0) * u);
}

TEST(ForeignKeysTest, NoiseIsCountedFromTheOtherEnd) {
  EXPECT_THAT(HintOf("min_t", "0.875"),
              AllOf(HasSubstr("write max_boundary: 0.417 (with shift 5.0)"),
                    Not(HasSubstr("min_boundary"))));
  EXPECT_THAT(HintOf("max_t", "0.875"),
              HasSubstr("write min_boundary: 0.417 (with shift 5.0)"));
  EXPECT_THAT(HintOf("max_t", "0.9"), HasSubstr("write min_boundary: 0.357"));
  EXPECT_THAT(HintOf("sigma_min", "0.875"),
              HasSubstr("write max_boundary: 0.417"));
  EXPECT_THAT(HintOf("t_max", "0.9"), HasSubstr("write min_boundary: 0.357"));
  EXPECT_THAT(HintOf("min_t", "0"), HasSubstr("write max_boundary: 1.0 "));
  EXPECT_THAT(HintOf("max_t", "1"), HasSubstr("write min_boundary: 0.0 "));
}

TEST(ForeignKeysTest, ThousandsOfNoise) {
  EXPECT_THAT(HintOf("min_timestep", "875"),
              HasSubstr("write max_boundary: 0.417"));
  EXPECT_THAT(HintOf("max_timestep", "900"),
              HasSubstr("write min_boundary: 0.357"));
  EXPECT_THAT(HintOf("min_timestep", "0"),
              HasSubstr("write max_boundary: 1.0"));
  EXPECT_THAT(HintOf("max_timestep", "1000"),
              HasSubstr("write min_boundary: 0.0 "));
  EXPECT_THAT(HintOf("min_timestep", "0.875"),
              HasSubstr("write max_boundary: 0.417"));
}

TEST(ForeignKeysTest, TheShiftIsTheFiles) {
  EXPECT_THAT(HintOf("min_t", "0.875", "x: {timesteps: {shift: 12}}"),
              HasSubstr("write max_boundary: 0.632 (with shift 12.0)"));
  EXPECT_THAT(HintOf("min_t", "0.5", "discrete_flow_shift: 3.0"),
              HasSubstr("write max_boundary: 0.75 (with shift 3.0)"));
  EXPECT_THAT(HintOf("min_t", "0.25", "flow_shift: 1"),
              HasSubstr("write max_boundary: 0.75 (with shift 1.0)"));
}

// What is written trains what was meant.
TEST(ForeignKeysTest, TheBoundaryIsWhereTheGridHasThatNoise) {
  for (const double shift : {1.0, 3.0, 5.0, 12.0}) {
    for (const double t : {0.1, 0.358, 0.5, 0.875, 0.9, 0.99}) {
      const std::string hint =
          HintOf("min_t", std::to_string(t),
                 "timesteps: {shift: " + std::to_string(shift) + "}");
      const size_t at = hint.find("max_boundary: ");
      const double boundary = std::stod(hint.substr(hint.find(": ", at) + 2));
      // The value was rounded to a place of the grid.
      EXPECT_GE(SigmaAt(boundary - 0.0006, shift), t) << hint;
      EXPECT_LE(SigmaAt(boundary + 0.0006, shift), t) << hint;
    }
  }
}

TEST(ForeignKeysTest, WithoutANumberTheFormula) {
  for (const char* value : {"[0.875]", "high", "-3", "5000", "{a: 1}", "~"}) {
    EXPECT_THAT(HintOf("min_t", value),
                HasSubstr("write 1 - t / (s - (s - 1) t)"))
        << value;
  }
  EXPECT_THAT(HintOf("timestep_boundary", "0.875"),
              HasSubstr("max_boundary: 0.417 for the high-noise one and "
                        "min_boundary: 0.417 for the low-noise one"));
  EXPECT_THAT(HintOf("timestep_boundary", "900"), HasSubstr("0.357"));
  EXPECT_THAT(HintOf("boundary_ratio", "0.9"),
              HasSubstr("min_boundary: 0.357 for the low-noise one"));
}

TEST(ForeignKeysTest, OtherUnits) {
  EXPECT_THAT(HintOf("gradient_accumulation_steps", "4"),
              HasSubstr("write micro_batches: 4"));
  EXPECT_THAT(HintOf("batch_size", "2", "gradient_accumulation_steps: 4"),
              HasSubstr("write micro_batches: 8"));
  EXPECT_THAT(HintOf("checkpoint_every_n_minutes", "120"),
              HasSubstr("write save_every: 120min"));
  EXPECT_THAT(HintOf("lr_warmup_steps", "0.1", "steps: 2000"),
              HasSubstr("write warmup_steps: 200"));
  EXPECT_THAT(HintOf("lr_warmup_steps", "100"),
              HasSubstr("called train.lr_schedule.warmup_steps"));
  EXPECT_THAT(HintOf("num_epochs", "10"), HasSubstr("train.steps"));
  EXPECT_THAT(HintOf("mixed_precision", "fp16"),
              HasSubstr("pipeline.dtype is bf16 or fp32"));
  EXPECT_THAT(HintOf("mixed_precision", "bf16"),
              HasSubstr("write pipeline.dtype: bf16"));
  EXPECT_THAT(HintOf("fp8_base", "true"), HasSubstr("model.weights: fp8"));
  EXPECT_THAT(HintOf("gradient_checkpointing", "true"),
              HasSubstr("recompute, keep or offload"));
  EXPECT_THAT(HintOf("blocks_to_swap", "20"), HasSubstr("pipeline.memory"));
  EXPECT_THAT(HintOf("logging_dir", "./log"), HasSubstr("output.metrics"));
  EXPECT_THAT(HintOf("use_wandb", "true"), HasSubstr("tensorboard"));
  EXPECT_THAT(HintOf("weighting_scheme", "none"),
              HasSubstr("write train.timesteps.weighting: none"));
  EXPECT_THAT(HintOf("weighting_scheme", "logit_normal"),
              HasSubstr("how timesteps are drawn"));
}

TEST(ForeignKeysTest, AJobFileSaysThem) {
  EXPECT_EQ(
      ErrorOf(JobWith("min_boundary: 0.0, max_boundary: 0.358, shift: 5.0",
                      "min_t: 0.875, shift: 5.0")),
      "job.yaml:16: train.timesteps.min_t: unknown key: it counts noise "
      "(1 or 1000 is pure noise), and train.timesteps.max_boundary is a "
      "place on the grid, which begins with noise: write max_boundary: "
      "0.417 (with shift 5.0)");
  EXPECT_THAT(ErrorOf(JobWith("  seed: 7", "  max_timestep: 900")),
              HasSubstr("write min_boundary: 0.357"));
}

TEST(ForeignKeysTest, WhatOthersSayOfTheirDataAndNetwork) {
  EXPECT_THAT(HintOf("fps", "16"), HasSubstr("not resampled"));
  EXPECT_THAT(HintOf("resolution", "[832, 480]"), HasSubstr("data.height"));
  EXPECT_THAT(HintOf("frame_buckets", "[1, 33]"), HasSubstr("data.frames"));
  EXPECT_THAT(HintOf("jsonl_file", "a.jsonl"), HasSubstr("data.metadata"));
  EXPECT_THAT(HintOf("network_dim", "32"), HasSubstr("lora.rank"));
}

TEST(ForeignKeysTest, OwnAndUnknownNamesHaveNone) {
  EXPECT_EQ(HintOf("steps", "5"), "");
  EXPECT_EQ(HintOf("lr", "1e-4"), "");
  EXPECT_EQ(HintOf("zzz", "5"), "");
  // A document that holds itself.
  const YAML::Node loop = YAML::Load("a: &x {b: *x, min_t: 0.5}");
  EXPECT_THAT(ForeignKeyHint("min_t", loop["a"]["min_t"], loop),
              HasSubstr("max_boundary: 0.833"));
}

}  // namespace
}  // namespace halfpipe
