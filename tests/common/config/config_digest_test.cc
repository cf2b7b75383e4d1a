#include <functional>
#include <string>
#include <vector>

#include "common/config/job_config.h"
#include "common/config/job_config_fixture.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

JobConfig Good() { return *ParseJobConfig(kGoodJob, "job.yaml"); }

using Edit = std::function<void(JobConfig&)>;

TEST(ConfigDigestTest, ChangesWithWhatDecidesTheResult) {
  const std::string digest = ConfigDigest(Good());
  EXPECT_EQ(digest.size(), 64u);
  std::vector<Edit> edits = {
      [](JobConfig& c) { c.train.seed = 8; },
      [](JobConfig& c) { c.train.micro_batches = 4; },
      [](JobConfig& c) { c.train.optimizer.betas[1] = 0.99; },
      [](JobConfig& c) { c.train.max_grad_norm = 0.0; },
      [](JobConfig& c) { c.lora.targets = {"q"}; },
      [](JobConfig& c) { c.lora.alpha = 32.0; },
      [](JobConfig& c) { c.data.frames = 33; },
      [](JobConfig& c) { c.data.repeat = 99; },
      [](JobConfig& c) { c.model.weights = WeightForm::kFp8; },
      [](JobConfig& c) { c.pipeline.dtype = ComputeDType::kFp32; },
      [](JobConfig& c) { c.train.deterministic = true; },
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    JobConfig edited = Good();
    edits[i](edited);
    EXPECT_NE(ConfigDigest(edited), digest) << "edit " << i;
  }
}

TEST(ConfigDigestTest, IgnoresWhatMustNotChangeTheResult) {
  const std::string digest = ConfigDigest(Good());
  std::vector<Edit> edits = {
      [](JobConfig& c) { c.name = "other"; },
      [](JobConfig& c) { c.model.dit = "/elsewhere"; },
      [](JobConfig& c) { c.data.path = "/elsewhere"; },
      [](JobConfig& c) { c.output = OutputConfig{}; },
      [](JobConfig& c) { c.pipeline.split_at = 3; },
      [](JobConfig& c) {
        c.pipeline.schedule = pipeline::ScheduleName::kGpipe;
      },
      [](JobConfig& c) { c.pipeline.stages = 1; },
      [](JobConfig& c) {
        c.pipeline.warmup = {{4, 3}};
      },
      [](JobConfig& c) { c.pipeline.memory = ActivationPolicy::kKeep; },
      [](JobConfig& c) { c.pipeline.host_memory_bytes = 1; },
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    JobConfig edited = Good();
    edits[i](edited);
    EXPECT_EQ(ConfigDigest(edited), digest) << "edit " << i;
  }
}

TEST(ConfigDigestTest, AlphaZeroIsTheRank) {
  JobConfig zero = Good();
  zero.lora.alpha = 0.0;
  JobConfig rank = Good();
  rank.lora.alpha = 32.0;
  EXPECT_EQ(ConfigDigest(zero), ConfigDigest(rank));
}

}  // namespace
}  // namespace halfpipe
