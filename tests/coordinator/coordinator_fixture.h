// A coordinator on a real database and real files, with stages that answer at
// once and a clock that only the test moves. Useful for: tests of the
// coordinator above the runner and below gRPC.
#ifndef HP_TESTS_COORDINATOR_COORDINATOR_FIXTURE_H_
#define HP_TESTS_COORDINATOR_COORDINATOR_FIXTURE_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "coordinator/schedule/coordinator.h"
#include "gtest/gtest.h"

namespace halfpipe {

inline bool Never() { return false; }

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() : metrics_(&registry_) {
    std::filesystem::remove_all(directory_);
    Open();
  }

  // The coordinator of now is gone without any goodbye; another one takes over.
  void Open() {
    coordinator_.reset();
    Coordinator::Options options = coordinator_options_;
    options.clock = [this] { return now_; };
    options.wall = [this] { return now_ + wall_ahead_; };
    options.info.started = now_;
    auto store = JobStore::Open(directory_ + "/state");
    ASSERT_TRUE(store.ok()) << store.status();
    auto coordinator = Coordinator::Create(options, *std::move(store),
                                           ledger_.get(), &metrics_);
    ASSERT_TRUE(coordinator.ok()) << coordinator.status();
    coordinator_ = *std::move(coordinator);
  }

  JobSpec Spec(const std::string& id, int64_t steps = 6) {
    JobSpec spec;
    spec.id = id;
    spec.config_yaml = JobConfigText(directory_ + "/" + id, steps);
    return spec;
  }

  static StageInfo InfoOf(int32_t rank, const std::string& pair) {
    StageInfo info = MakeStageInfo(rank);
    info.pair = pair;
    return info;
  }

  void Join(int32_t rank, const std::string& pair = "default") {
    JoinAs(InfoOf(rank, pair));
  }

  void JoinAs(const StageInfo& info) {
    ASSERT_TRUE(coordinator_->Register(info).ok());
    sequences_[{info.pair, info.rank}] = 0;
  }

  void JoinPair(const std::string& pair) {
    Join(0, pair);
    Join(1, pair);
  }

  // The rank's next command; nullopt when there is none.
  std::optional<StageCommand> Take(int32_t rank,
                                   const std::string& pair = "default") {
    const StageInfo info = InfoOf(rank, pair);
    int64_t& sequence = sequences_[{info.pair, info.rank}];
    auto command =
        coordinator_->WaitForCommand({info.pair, info.rank}, info.incarnation,
                                     sequence, absl::InfinitePast(), Never);
    EXPECT_TRUE(command.ok()) << command.status();
    if (!command.ok() || !command->has_value()) return std::nullopt;
    sequence = (*command)->sequence;
    return *command;
  }

  void Answer(int32_t rank, const CommandResult& result,
              const std::string& pair = "default") {
    const StageInfo info = InfoOf(rank, pair);
    EXPECT_TRUE(
        coordinator_->Report({info.pair, info.rank}, info.incarnation, result)
            .ok());
  }

  // Lets a rank run one command; false when there is none.
  bool WorkOnce(int32_t rank, const std::string& pair = "default") {
    const std::optional<StageCommand> command = Take(rank, pair);
    if (!command.has_value()) return false;
    FakeStage stage = stage_;
    stage.rank = rank;
    stage.write_files = true;
    Answer(rank, stage.Answer(*command), pair);
    return true;
  }

  void Work(const std::string& pair = "default") {
    while (WorkOnce(0, pair) || WorkOnce(1, pair)) {
      now_ += absl::Milliseconds(50);
    }
  }

  // Lets the pair work until the job has done so many steps.
  void WorkToStep(const std::string& id, int64_t steps,
                  const std::string& pair = "default") {
    while (coordinator_->GetJob(id)->steps_done < steps) {
      const bool worked = WorkOnce(0, pair);
      ASSERT_TRUE(WorkOnce(1, pair) || worked);
    }
  }

  // Time passes; the stages say that they live.
  void Pass(absl::Duration time) {
    for (absl::Duration step = absl::Seconds(1); time > absl::ZeroDuration();
         time -= step) {
      now_ += std::min(step, time);
      for (const auto& [place, sequence] : sequences_) {
        const StageInfo info = InfoOf(place.second.value(), place.first);
        ASSERT_TRUE(coordinator_
                        ->Heartbeat({info.pair, info.rank}, info.incarnation,
                                    StageHeartbeat())
                        .ok());
      }
      coordinator_->Tick();
    }
  }

  JobState StateOf(const std::string& id) {
    return coordinator_->GetJob(id)->state;
  }

  std::string ReasonOf(const std::string& id) {
    return coordinator_->GetJob(id)->reason;
  }

  const std::string directory_ = absl::StrCat(
      ::testing::TempDir(), "/coordinator_",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  absl::Duration wall_ahead_;  // the wall clock, when somebody has set it
  Coordinator::Options coordinator_options_;  // for the next Open
  FakeStage stage_;                           // how every stage answers
  MetricsRegistry registry_;
  CoordinatorMetrics metrics_;
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  std::unique_ptr<Coordinator> coordinator_;
  std::map<std::pair<std::string, Rank>, int64_t> sequences_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_COORDINATOR_FIXTURE_H_
