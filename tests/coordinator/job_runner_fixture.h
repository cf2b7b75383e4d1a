// A runner without stages, clock or disk: what it asks for is kept, and the
// test answers. Useful for: every test of JobRunner.
#ifndef HP_TESTS_COORDINATOR_JOB_RUNNER_FIXTURE_H_
#define HP_TESTS_COORDINATOR_JOB_RUNNER_FIXTURE_H_

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "coordinator/fake_stage.h"
#include "coordinator/run/job_runner.h"
#include "gtest/gtest.h"

namespace halfpipe {

// That the fixture has places for; most tests use two.
inline constexpr int32_t kMostStages = 4;

// Keeps what the runner asks for, as the coordinator's queues do.
class FakeHost : public JobRunnerHost {
 public:
  int64_t Send(Rank rank, CommandBody body) override {
    auto& place = places[static_cast<size_t>(rank.value())];
    place.queue.push_back({++place.last, epoch, std::move(body)});
    return place.last;
  }

  // Nothing that is queued here has been delivered.
  int64_t Retract(Rank rank) override {
    auto& place = places[static_cast<size_t>(rank.value())];
    place.queue.clear();
    place.last = place.delivered;
    return place.delivered;
  }

  absl::StatusOr<Epoch> NewEpoch() override {
    epoch = Epoch(epoch.value() + 1);
    for (int32_t rank = 0; rank < kMostStages; ++rank) Retract(Rank(rank));
    return epoch;
  }

  void ChangeState(JobTrigger trigger, const std::string& new_reason,
                   const absl::Status& new_error) override {
    const std::optional<JobState> next = NextJobState(state, trigger);
    ASSERT_TRUE(next.has_value())
        << JobStateName(state) << " + " << JobTriggerName(trigger);
    state = *next;
    reason = new_reason;
    error = new_error;
    if (trigger != JobTrigger::kStageLost) return;
    ++restarts;
    restart_reasons.push_back(new_reason);
  }

  void SetReason(const std::string& new_reason) override {
    reason = new_reason;
  }

  void Emit(const JobEventBody& event) override {
    if (const auto* step = std::get_if<StepProgress>(&event)) {
      steps.push_back(*step);
    }
    if (const auto* line = std::get_if<LogLine>(&event);
        line != nullptr && line->severity == LogSeverity::kWarning) {
      warnings.push_back(line->text);
    }
    if (const auto* result = std::get_if<ValidationResult>(&event)) {
      validations.push_back(*result);
    }
    if (const auto* encoding = std::get_if<EncodingProgress>(&event)) {
      encodings.push_back(encoding->samples_done);
    }
  }

  void OnReports(const std::vector<StepReport>& reports) override {
    ranks_reported.push_back(reports.size());
  }

  void OnNonFiniteStep() override { ++nonfinite_steps; }

  void OnRestart(absl::string_view reason_word) override {
    restart_words.emplace_back(reason_word);
  }

  absl::Status CommitCheckpoint(const Checkpoint& checkpoint) override {
    if (commit_error.ok()) committed.push_back(checkpoint.steps_done);
    return commit_error;
  }

  void AdoptCheckpoint(const Checkpoint& checkpoint) override {
    adopted.push_back(checkpoint.steps_done);
  }

  void ForgetCheckpoint(const Checkpoint& checkpoint) override {
    forgotten.push_back(checkpoint.steps_done);
  }

  void SetForecasts(const std::vector<StageForecast>& planned) override {
    forecasts = planned;
  }

  void SetExports(const std::vector<std::string>& paths) override {
    exports = paths;
  }

  struct Place {
    std::deque<StageCommand> queue;
    int64_t last = 0;
    int64_t delivered = 0;
  };

  std::vector<Place> places = std::vector<Place>(kMostStages);
  Epoch epoch;
  JobState state = JobState::kQueued;
  std::string reason;
  absl::Status error;
  int restarts = 0;
  int nonfinite_steps = 0;
  std::vector<std::string> restart_reasons;
  std::vector<std::string> restart_words;  // of RestartReason
  std::vector<size_t> ranks_reported;      // of each step that counted
  std::vector<std::string> warnings;
  std::vector<StepProgress> steps;
  std::vector<ValidationResult> validations;
  std::vector<int64_t> encodings;
  std::vector<int64_t> committed;
  std::vector<int64_t> forgotten;
  std::vector<int64_t> adopted;
  std::vector<std::string> exports;
  std::vector<StageForecast> forecasts;
  absl::Status commit_error;
};

// Remembers folders instead of making them.
class FakeLedger : public CheckpointLedger {
 public:
  absl::Status Prepare(const std::string&) override { return absl::OkStatus(); }

  absl::StatusOr<std::string> Begin(const std::string& output_dir,
                                    int64_t steps_done) override {
    if (!begin_error.ok()) return begin_error;
    const std::string path = absl::StrCat(output_dir, "/tmp-", steps_done);
    open.insert(path);
    return path;
  }

  absl::StatusOr<std::string> Commit(
      const std::string& output_dir, const std::string& temporary,
      const CheckpointManifest& manifest) override {
    if (!commit_error.ok()) return commit_error;
    open.erase(temporary);
    const std::string path = absl::StrCat(output_dir, "/step-", manifest.step);
    manifests[path] = manifest;
    if (const auto list = written.find(temporary); list != written.end()) {
      samples[path] = list->second;
    }
    return path;
  }

  absl::StatusOr<OutputContents> Look(const std::string&) override {
    if (!look_error.ok()) return look_error;
    OutputContents contents;
    for (const auto& [directory, manifest] : manifests) {
      int64_t step = 0;
      HP_CHECK(
          absl::SimpleAtoi(directory.substr(directory.rfind('-') + 1), &step));
      Checkpoint checkpoint;
      checkpoint.steps_done = step;
      checkpoint.directory = directory;
      FoundCheckpoint found{checkpoint, manifest};
      contents.checkpoints.push_back(std::move(found));
    }
    std::sort(contents.checkpoints.begin(), contents.checkpoints.end(),
              [](const FoundCheckpoint& a, const FoundCheckpoint& b) {
                return a.checkpoint.steps_done < b.checkpoint.steps_done;
              });
    contents.loras = loras;
    contents.curves = curves;
    return contents;
  }

  absl::StatusOr<std::string> MoveAside(const std::string& output_dir,
                                        const std::vector<std::string>& paths,
                                        absl::Time) override {
    for (const std::string& path : paths) {
      moved.push_back(path);
      manifests.erase(path);
    }
    return absl::StrCat(output_dir, "/replaced");
  }

  absl::StatusOr<FileEntry> WriteSamples(const std::string& temporary,
                                         const SampleList& list) override {
    written[temporary] = list;
    return FileEntry{kSampleListName, 1, std::string(64, 'a')};
  }

  absl::StatusOr<SampleList> ReadSamples(
      const std::string& directory) override {
    const auto found = samples.find(directory);
    if (found == samples.end()) return absl::NotFoundError("no list");
    return found->second;
  }

  absl::Status Amend(const std::string& directory,
                     const CheckpointManifest& manifest) override {
    manifests[directory] = manifest;
    return absl::OkStatus();
  }

  void Discard(const std::string& temporary) override { open.erase(temporary); }

  absl::Status Remove(const std::string& directory) override {
    manifests.erase(directory);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> SetAside(const std::string& directory) override {
    set_aside.push_back(directory);
    return absl::StrCat(directory, "-damaged");
  }

  absl::StatusOr<CheckpointManifest> Verify(
      const std::string& directory) override {
    if (unreadable.contains(directory)) {
      return absl::UnavailableError("cannot read a file");
    }
    auto found = manifests.find(directory);
    if (found == manifests.end() || damaged.contains(directory)) {
      return absl::DataLossError("a file is missing");
    }
    return found->second;
  }

  absl::StatusOr<std::vector<std::string>> Publish(
      const std::string& directory, const std::string&,
      const std::vector<std::string>&) override {
    return std::vector<std::string>{directory};
  }

  std::set<std::string> open;
  std::map<std::string, CheckpointManifest> manifests;
  std::map<std::string, SampleList> written;  // by temporary folder
  std::map<std::string, SampleList> samples;  // by checkpoint
  std::vector<FoundLora> loras;
  std::vector<std::string> curves;
  std::vector<std::string> moved;
  std::vector<std::string> set_aside;
  std::set<std::string> unreadable;
  std::set<std::string> damaged;  // in a file that the manifest lists
  absl::Status begin_error;
  absl::Status look_error;
  absl::Status commit_error;
};

inline JobPlan MakePlan() {
  JobPlan plan;
  plan.id = "job";
  plan.config.name = "job";
  plan.config.train.steps = 6;
  plan.config.train.micro_batches = 2;
  plan.config.output.dir = "/out";
  plan.config.output.save_every = {2, 0};
  plan.config.output.keep = 0;
  plan.config_digest = "config";
  return plan;
}

class JobRunnerTest : public ::testing::Test {
 protected:
  void Start(JobPlan plan, std::vector<Checkpoint> checkpoints = {},
             const std::vector<StageInfo>& stages = {MakeStageInfo(0),
                                                     MakeStageInfo(1)}) {
    world_ = static_cast<int32_t>(plan.config.pipeline.stages);
    runner_ = std::make_unique<JobRunner>(
        std::move(plan), std::move(checkpoints), &ledger_, &host_);
    runner_->Begin(stages, now_);
  }

  // Takes the next command of a rank, as its long poll would.
  std::optional<StageCommand> Take(int32_t rank) {
    auto& place = host_.places[static_cast<size_t>(rank)];
    if (place.queue.empty()) return std::nullopt;
    StageCommand command = place.queue.front();
    place.queue.pop_front();
    place.delivered = command.sequence;
    return command;
  }

  void Deliver(int32_t rank, const CommandResult& result) {
    now_ += absl::Milliseconds(10);
    runner_->OnResult(Rank(rank), result, now_);
  }

  static CommandResult Failure(const StageCommand& command,
                               const absl::Status& status) {
    return {command.sequence, command.epoch, status, {}};
  }

  // Lets all stages work until there is nothing to do, or until a command of
  // type T is next for a rank; that one is returned untaken-by-the-stage.
  template <typename T>
  std::optional<StageCommand> WorkUntil(int32_t wanted_rank, int skip = 0) {
    bool worked = true;
    while (worked) {
      worked = false;
      for (int32_t rank = 0; rank < kMostStages; ++rank) {
        std::optional<StageCommand> command = Take(rank);
        if (!command.has_value()) continue;
        worked = true;
        if (rank == wanted_rank && std::holds_alternative<T>(command->body) &&
            skip-- == 0) {
          return command;
        }
        Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(*command));
      }
    }
    return std::nullopt;
  }

  // Lets all work until each has just been given this step. By rank.
  std::vector<StageCommand> HoldStep(int64_t step) {
    std::vector<StageCommand> held(static_cast<size_t>(world_));
    for (bool all = false; !all;) {
      all = true;
      for (int32_t rank = 0; rank < world_; ++rank) {
        StageCommand& command = held[static_cast<size_t>(rank)];
        if (command.sequence != 0) continue;
        std::optional<StageCommand> next = Take(rank);
        all = false;
        if (!next.has_value()) continue;
        const auto* body = std::get_if<StepCommand>(&next->body);
        if (body != nullptr && body->plan.step == Step(step)) {
          command = *std::move(next);
        } else {
          Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(*next));
        }
      }
    }
    return held;
  }

  // Nothing is a ShutdownCommand, so this works to the end.
  void Work() { (void)WorkUntil<ShutdownCommand>(0); }

  // The process of a rank dies and another one takes its place.
  void Kill(int32_t rank) {
    runner_->OnLost(Rank(rank), now_);
    host_.places[static_cast<size_t>(rank)] = {};
    now_ += absl::Seconds(40);
    StageInfo info = MakeStageInfo(rank, 1000);
    runner_->OnJoined(info, now_);
    runner_->OnTick(now_);
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  FakeHost host_;
  FakeLedger ledger_;
  std::vector<FakeStage> stages_ = {FakeStage{.rank = 0}, FakeStage{.rank = 1},
                                    FakeStage{.rank = 2}, FakeStage{.rank = 3}};
  int32_t world_ = 2;
  std::unique_ptr<JobRunner> runner_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_JOB_RUNNER_FIXTURE_H_
