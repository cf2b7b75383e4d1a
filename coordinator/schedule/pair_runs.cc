#include "coordinator/schedule/pair_runs.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "common/store/checkpoint_manifest.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kScrubInterval = absl::Hours(1);

RunServices WithTraces(RunServices services, TraceBook* traces) {
  services.traces = traces;
  return services;
}

}  // namespace

PairRuns::PairRuns(RunServices services)
    : services_(WithTraces(std::move(services), &traces_)),
      scrub_([](const std::string& directory) {
        return VerifyCheckpoint(directory).status();
      }) {}

void PairRuns::Start(const std::string& pair, JobPlan plan,
                     std::vector<Checkpoint> checkpoints, absl::Time now) {
  auto run = std::make_unique<PairRun>(pair, std::move(plan),
                                       std::move(checkpoints), services_);
  JobRunner& runner = run->runner();
  runs_[pair] = std::move(run);
  runner.Begin(services_.registry->StagesOf(pair), now);
}

bool PairRuns::RemoveFinished() {
  bool removed = false;
  for (auto it = runs_.begin(); it != runs_.end();) {
    if (!it->second->runner().finished()) {
      ++it;
      continue;
    }
    epochs_[it->first] = it->second->runner().epoch();
    const std::string& id = it->second->job();
    const absl::StatusOr<Job> job = services_.book->reader().Get(id);
    if (!job.ok() || job->state != JobState::kQueued) {
      services_.fit->ForgetJob(id);
    }
    it = runs_.erase(it);
    removed = true;
  }
  return removed;
}

void PairRuns::OnTick(absl::Time now) {
  for (auto& [pair, run] : runs_) run->runner().OnTick(now);
  Scrub(now);
}

void PairRuns::Scrub(absl::Time now) {
  if (!last_scrub_.has_value()) last_scrub_ = now;
  if (now - *last_scrub_ >= kScrubInterval) {
    last_scrub_ = now;
    for (auto& [pair, run] : runs_) {
      scrub_.Look(run->job(), run->runner().CheckpointDirectories());
    }
  }
  for (const CheckpointScrub::Finding& finding : scrub_.Take()) {
    PairRun* const run = RunOf(finding.job);
    if (run == nullptr) continue;
    run->runner().OnScrubbed(finding.directory, finding.status);
  }
}

void PairRuns::StopAll(StopKind kind, absl::Time now) {
  for (auto& [pair, run] : runs_) run->runner().Stop(kind, now);
}

void PairRuns::NoteEpochs() {
  for (auto& [pair, run] : runs_) epochs_[pair] = run->runner().epoch();
}

bool PairRuns::HasIdlePair() const {
  const std::vector<std::string> pairs = services_.registry->Pairs();
  return std::any_of(pairs.begin(), pairs.end(),
                     [this](const std::string& pair) { return !Has(pair); });
}

PairRun* PairRuns::RunOn(const std::string& pair) {
  auto found = runs_.find(pair);
  return found == runs_.end() ? nullptr : found->second.get();
}

JobRunner* PairRuns::RunnerOn(const std::string& pair) {
  PairRun* const run = RunOn(pair);
  return run == nullptr ? nullptr : &run->runner();
}

PairRun* PairRuns::RunOf(const std::string& job) {
  for (auto& [pair, run] : runs_) {
    if (run->job() == job && !run->runner().finished()) return run.get();
  }
  return nullptr;
}

const PairRun* PairRuns::WriterTo(const std::string& output_dir) const {
  for (const auto& [pair, run] : runs_) {
    if (IsSameFolder(run->output_dir(), output_dir)) return run.get();
  }
  return nullptr;
}

Epoch PairRuns::EpochOf(const std::string& pair) const {
  auto found = epochs_.find(pair);
  return found == epochs_.end() ? Epoch() : found->second;
}

std::vector<std::pair<std::string, std::string>> PairRuns::Folders() const {
  std::vector<std::pair<std::string, std::string>> folders;
  for (const auto& [pair, run] : runs_) {
    folders.emplace_back("output", run->output_dir());
    if (!run->cache_dir().empty()) {
      folders.emplace_back("cache", run->cache_dir());
    }
  }
  return folders;
}

}  // namespace halfpipe
