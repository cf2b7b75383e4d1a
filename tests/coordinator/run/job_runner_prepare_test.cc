// Samples that cannot be used.
#include <set>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BadFileTest : public JobRunnerTest {
 protected:
  // Both stages refuse what they are to encode of these samples.
  void StartWith(BadFilePolicy policy, const std::set<std::string>& bad) {
    JobPlan plan = MakePlan();
    plan.config.data.on_bad_file = policy;
    stages_[0].samples = 5;
    Start(plan);
    Deliver(0, stages_[0].Answer(*Take(0)));
    for (int32_t rank = 0; rank < 2; ++rank) {
      const std::optional<StageCommand> command = Take(rank);
      ASSERT_TRUE(command.has_value());
      EncodeResult result;
      for (const SampleRef& sample :
           std::get<EncodeCommand>(command->body).samples) {
        if (!bad.contains(sample.latents_path)) continue;
        result.rejected.push_back(
            absl::StrCat("clip ", sample.row, ": truncated"));
        result.rejected_paths.push_back(sample.latents_path);
      }
      Deliver(rank,
              {command->sequence, command->epoch, absl::OkStatus(), result});
    }
  }

  // The samples that the first three steps take.
  std::set<std::string> SamplesTrained() {
    std::set<std::string> paths;
    while (const auto step = WorkUntil<StepCommand>(0)) {
      for (const MicrobatchPlan& microbatch :
           std::get<StepCommand>(step->body).plan.microbatches) {
        paths.insert(microbatch.latents_path);
      }
      Deliver(0, stages_[0].Answer(*step));
    }
    return paths;
  }
};

TEST_F(BadFileTest, SkipListsThemAndTrainsWithoutThem) {
  StartWith(BadFilePolicy::kSkip, {"/cache/1.latents", "/cache/2.latents"});
  ASSERT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(host_.warnings[0], HasSubstr("2 of 5 samples"));
  EXPECT_THAT(host_.warnings[0],
              HasSubstr("clip 2: truncated\nclip 3: truncated"));
  EXPECT_THAT(
      SamplesTrained(),
      ElementsAre("/cache/0.latents", "/cache/3.latents", "/cache/4.latents"));
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  const std::string digest = ledger_.manifests.at("/out/step-6").data_digest;
  EXPECT_THAT(digest, SizeIs(64));
}

TEST_F(BadFileTest, WhatIsSkippedDecidesTheDataDigest) {
  StartWith(BadFilePolicy::kSkip, {"/cache/1.latents"});
  Work();
  const std::string one = ledger_.manifests.at("/out/step-6").data_digest;
  host_ = FakeHost();
  ledger_ = FakeLedger();
  StartWith(BadFilePolicy::kSkip, {"/cache/1.latents"});
  Work();
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").data_digest, one);
  host_ = FakeHost();
  ledger_ = FakeLedger();
  StartWith(BadFilePolicy::kSkip, {"/cache/2.latents"});
  Work();
  EXPECT_NE(ledger_.manifests.at("/out/step-6").data_digest, one);
}

// What was left out before is left out again, and may be taken in by a word.
TEST_F(BadFileTest, AResumedJobLeavesOutTheSame) {
  StartWith(BadFilePolicy::kSkip, {"/cache/1.latents"});
  Work();
  for (const char* step : {"/out/step-4", "/out/step-6"}) {
    ledger_.manifests.erase(step);
  }
  host_ = FakeHost();
  StartWith(BadFilePolicy::kSkip, {"/cache/1.latents"});
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(4, 6));
  ledger_.manifests.erase("/out/step-6");
  host_ = FakeHost();
  StartWith(BadFilePolicy::kSkip, {});
  Work();
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(host_.reason, HasSubstr("1 sample was added (/data/1.mp4)"));
}

TEST_F(BadFileTest, StopIsTheDefault) {
  StartWith(BadFilePolicy::kStop, {"/cache/1.latents"});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("1 of 5 samples"));
}

TEST_F(BadFileTest, NothingLeftIsAFailure) {
  StartWith(BadFilePolicy::kSkip,
            {"/cache/0.latents", "/cache/1.latents", "/cache/2.latents",
             "/cache/3.latents", "/cache/4.latents"});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("no sample"));
}

}  // namespace
}  // namespace halfpipe
