#include "common/config/job_config.h"

#include <filesystem>

#include "common/base/file.h"
#include "common/config/job_config_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(JobConfigTest, ReadsEveryKeyOfTheExample) {
  auto job = ParseJobConfig(kGoodJob, "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->name, "my-character");
  EXPECT_EQ(job->model.dit, "/models/high_noise_model");
  EXPECT_EQ(job->model.weights, WeightForm::kBf16);
  EXPECT_EQ(job->lora.rank, 32);
  EXPECT_EQ(job->lora.alpha, 16.0);
  EXPECT_THAT(job->lora.targets,
              ElementsAre("q", "k", "v", "o", "ffn.0", "ffn.2"));
  EXPECT_EQ(job->data.frames, 49);
  EXPECT_EQ(job->data.repeat, 100);
  EXPECT_EQ(job->train.steps, 2000);
  EXPECT_EQ(job->train.micro_batches, 8);
  EXPECT_EQ(job->train.optimizer.learning_rate, 1.0e-4);
  EXPECT_EQ(job->train.timesteps.max_boundary, 0.358);
  EXPECT_EQ(job->train.seed, 7);
  EXPECT_EQ(job->pipeline.schedule, pipeline::ScheduleName::kOneFOneB);
  EXPECT_FALSE(job->pipeline.split_at.has_value());
  EXPECT_EQ(job->output.save_every.seconds, 1800);
  EXPECT_EQ(job->output.save_every.steps, 0);
  EXPECT_THAT(job->output.metrics,
              ElementsAre(CurveFormat::kJsonl, CurveFormat::kTensorBoard));
  EXPECT_THAT(job->output.formats,
              ElementsAre(LoraFormat::kDiffSynth, LoraFormat::kComfyUi));
}

TEST(JobConfigTest, CurvesCanBeChosenOrLeftAway) {
  auto job = ParseJobConfig(JobWith("keep: 3", "keep: 3, metrics: []"), "j");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE(job->output.metrics.empty());
  EXPECT_EQ(ParseJobConfig(ToYaml(*job), "j")->output.metrics,
            job->output.metrics);
  job = ParseJobConfig(JobWith("keep: 3", "keep: 3, metrics: [jsonl]"), "j");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_THAT(job->output.metrics, ElementsAre(CurveFormat::kJsonl));
}

TEST(JobConfigTest, AlphaDefaultsToTheRank) {
  auto job = ParseJobConfig(JobWith("alpha: 16, ", ""), "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->lora.alpha, 32.0);
}

TEST(JobConfigTest, ReadsThePipelineOptions) {
  auto job = ParseJobConfig(
      JobWith("split_at: auto, schedule: 1f1b, memory: auto",
              "split_at: 18, schedule: gpipe, memory: offload, warmup: [3, "
              "2], stages: 1, gpu_memory: 22GiB, host_memory: 64 GiB, "
              "device: cpu, dtype: fp32, threads: 4"),
      "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->pipeline.split_at, 18);
  EXPECT_EQ(job->pipeline.schedule, pipeline::ScheduleName::kGpipe);
  EXPECT_EQ(job->pipeline.memory, ActivationPolicy::kOffload);
  EXPECT_THAT(*job->pipeline.warmup, ElementsAre(3, 2));
  EXPECT_EQ(job->pipeline.stages, 1);
  EXPECT_EQ(job->pipeline.gpu_memory_bytes, int64_t{22} << 30);
  EXPECT_EQ(job->pipeline.host_memory_bytes, int64_t{64} << 30);
  EXPECT_EQ(job->pipeline.device, DeviceType::kCpu);
  EXPECT_EQ(job->pipeline.dtype, ComputeDType::kFp32);
  EXPECT_EQ(job->pipeline.threads, 4);
}

TEST(JobConfigTest, SaveEveryTakesStepsInBothSpellings) {
  for (const char* text : {"250", "{steps: 250}"}) {
    auto job = ParseJobConfig(JobWith("30min", text), "job.yaml");
    ASSERT_TRUE(job.ok()) << job.status();
    EXPECT_EQ(job->output.save_every.steps, 250);
    EXPECT_EQ(job->output.save_every.seconds, 0);
  }
}

TEST(JobConfigTest, RandomModelAndDataNeedNoPaths) {
  auto job = ParseJobConfig(
      "name: bench\n"
      "model: {random: {variant: wan2.2-i2v-a14b, layers: 4, seed: 3}}\n"
      "data: {height: 480, width: 832, frames: 49, random: {samples: 16}}\n"
      "train: {steps: 3}\noutput: {dir: out}\n",
      "bench.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE(job->model.is_random());
  EXPECT_EQ(job->model.random.layers, 4);
  EXPECT_EQ(job->data.random.samples, 16);
}

TEST(JobConfigTest, YamlOfAConfigIsStableAndReadsBack) {
  auto job = ParseJobConfig(
      JobWith("name: my-character", R"(name: "odd: \"name\" # 1")"),
      "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  job->pipeline.warmup = {{3, 2}};
  job->pipeline.gpu_memory_bytes = 1000;
  job->train.optimizer.eps = 1.25e-9;
  std::string yaml = ToYaml(*job);
  auto again = ParseJobConfig(yaml, "job.yaml");
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << yaml;
  EXPECT_EQ(ToYaml(*again), yaml);
  EXPECT_EQ(again->name, "odd: \"name\" # 1");
  EXPECT_EQ(again->train.optimizer.eps, 1.25e-9);
  EXPECT_EQ(again->pipeline.gpu_memory_bytes, 1000);
  EXPECT_THAT(yaml, HasSubstr("train:\n  steps: 2000\n"));
  EXPECT_THAT(yaml, HasSubstr("    learning_rate: 1.0e-04\n"));
}

TEST(JobConfigTest, ResolvePathsTouchesOnlyRelativePaths) {
  JobConfig job;
  job.model.dit = "models/dit";
  job.model.vae = "/abs/vae.pth";
  job.data.path = "../clips";
  job.data.metadata = "metadata.csv";
  ResolvePaths("/jobs/a", &job);
  EXPECT_EQ(job.model.dit, "/jobs/a/models/dit");
  EXPECT_EQ(job.model.vae, "/abs/vae.pth");
  EXPECT_EQ(job.data.path, "/jobs/clips");
  EXPECT_EQ(job.data.metadata, "metadata.csv");
  EXPECT_EQ(job.model.clip, "");
}

TEST(JobConfigTest, ValidatesAConfigThatWasNotParsed) {
  auto job = ParseJobConfig(kGoodJob, "job.yaml");
  ASSERT_TRUE(job.ok());
  EXPECT_TRUE(ValidateJobConfig(*job).ok()) << ValidateJobConfig(*job);
  job->data.frames = 50;
  job->lora.rank = 0;
  EXPECT_EQ(ValidateJobConfig(*job).message(),
            "lora.rank: expected an integer from 1 to 4096, found 0\n"
            "data.frames: expected 4k+1, found 50 (49 or 53)");
}

TEST(JobConfigTest, EveryExampleIsRight) {
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator("examples")) {
    if (entry.path().extension() != ".yaml") continue;
    auto text = ReadFile(entry.path());
    ASSERT_TRUE(text.ok());
    auto job = ParseJobConfig(*text, entry.path().string());
    EXPECT_TRUE(job.ok()) << job.status();
    ++examples;
  }
  EXPECT_GE(examples, 3);
}

}  // namespace
}  // namespace halfpipe
