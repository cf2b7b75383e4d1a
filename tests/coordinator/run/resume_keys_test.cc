// Every key of the table is changed on a stopped job, and the job started
// again: what happens is what the key's class says. A new key is covered from
// the day it is added.
#include <array>
#include <string>
#include <vector>

#include "common/config/job_fields.h"
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Values of every kind of key; the first one that a key takes, and that makes
// another job file that is right, is its edit.
constexpr std::array kCandidates = {"true",
                                    "false",
                                    "2",
                                    "1",
                                    "3",
                                    "64",
                                    "0.5",
                                    "0.25",
                                    "cpu",
                                    "none",
                                    "cosine",
                                    "gpipe",
                                    "recompute",
                                    "fp32",
                                    "fp8",
                                    "skip",
                                    "train",
                                    "white",
                                    "wan2.1-t2v-1.3b",
                                    "4GiB",
                                    "4096",
                                    "{steps: 3}",
                                    "[2, 1]",
                                    "[0.5, 0.6]",
                                    "[q, k]",
                                    "[diffusers]",
                                    "[jsonl]",
                                    "another"};

// As a user has it: every file named, every number not at its limit.
JobConfig Base() {
  const auto config = ParseJobConfig(
      "name: job\n"
      "model: {dit: /m/dit, text_encoder: /m/t5, tokenizer: /m/tok, vae: "
      "/m/vae}\n"
      "data: {path: /data, height: 128, width: 128, frames: 5}\n"
      "train: {steps: 6, micro_batches: 4}\n"
      "output: {dir: /out, keep: 0, save_every: {steps: 2}}\n",
      "job.yaml");
  HP_CHECK(config.ok());
  return *config;
}

// What becomes of `key` when it is edited; false where no candidate does.
bool EditKey(const std::string& key, JobConfig* config) {
  for (const char* candidate : kCandidates) {
    JobConfig edited = Base();
    std::vector<Field> fields = JobFields(&edited);
    for (Field& field : fields) {
      if (field.key != key) continue;
      const std::string before = field.value->Write();
      const bool taken = field.value->Read(YAML::Load(candidate)).empty() &&
                         field.value->Check().empty() &&
                         field.value->Write() != before &&
                         ValidateJobConfig(edited).ok();
      if (!taken) continue;
      *config = edited;
      return true;
    }
  }
  return false;
}

KeyClass ClassOf(const std::string& key) {
  JobConfig config;
  for (const Field& field : JobFields(&config)) {
    if (field.key == key) return field.role.key_class;
  }
  ADD_FAILURE() << key;
  return KeyClass::kFree;
}

// Keys that name something else than one of their values can show here: those
// that exclude the files of Base, and the place where the checkpoints are.
bool IsElsewhere(const std::string& key) {
  return key == "output.dir" || key.starts_with("model.random.") ||
         key == "data.random.samples";
}

class ResumeKeysTest : public JobRunnerTest,
                       public ::testing::WithParamInterface<std::string> {
 protected:
  static JobPlan PlanOf(const JobConfig& config) {
    JobPlan plan;
    plan.id = "job";
    plan.config = config;
    plan.config_yaml = ToYaml(config);
    plan.config_digest = ConfigDigest(config);
    return plan;
  }

  void StopBehindStepFour() {
    stages_[0].samples = 6;
    Start(PlanOf(Base()));
    (void)HoldStep(4);
    host_ = FakeHost();
  }
};

TEST_P(ResumeKeysTest, AnEditDoesWhatTheClassSays) {
  const std::string key = GetParam();
  JobConfig edited;
  ASSERT_TRUE(EditKey(key, &edited))
      << "add a value that " << key << " takes to kCandidates";
  StopBehindStepFour();
  // One stage takes over what two have saved, too.
  std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  stages.resize(static_cast<size_t>(edited.pipeline.stages));
  Start(PlanOf(edited), {}, stages);
  const auto start = WorkUntil<StartCommand>(0);
  if (ClassOf(key) == KeyClass::kDecides) {
    EXPECT_FALSE(start.has_value());
    EXPECT_EQ(host_.error.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(host_.reason, HasSubstr(key + " was "));
    return;
  }
  if (key == "validation.samples" || key == "train.steps") {
    // Fewer steps than are done, and other samples in the training.
    EXPECT_EQ(host_.error.code(), key == "train.steps"
                                      ? absl::StatusCode::kInvalidArgument
                                      : absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(host_.reason, HasSubstr(key));
    return;
  }
  ASSERT_TRUE(start.has_value()) << host_.error;
  EXPECT_EQ(std::get<StartCommand>(start->body).resume_from, "/out/step-4");
  if (key == "pipeline.threads") {
    EXPECT_THAT(host_.warnings, testing::Contains(HasSubstr(key)));
  }
}

// Keys that can be edited: one whose only value is its default cannot.
std::vector<std::string> KeysHere() {
  JobConfig config;
  std::vector<std::string> keys;
  for (const Field& field : JobFields(&config)) {
    const bool one_value = field.value->Allowed() == field.value->Write();
    if (!one_value && !IsElsewhere(std::string(field.key))) {
      keys.emplace_back(field.key);
    }
  }
  return keys;
}

INSTANTIATE_TEST_SUITE_P(Table, ResumeKeysTest, ::testing::ValuesIn(KeysHere()),
                         [](const ::testing::TestParamInfo<std::string>& key) {
                           std::string name = key.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace halfpipe
