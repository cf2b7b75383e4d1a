// The coordinator's choice of a pair for each queued job.
#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/schedule/coordinator.h"
#include "coordinator/schedule/path_roots.h"
#include "coordinator/schedule/retry_policy.h"

namespace halfpipe {
namespace {

// Queued jobs that are read from the disk in one look at the queue: some tens
// of milliseconds.
constexpr int64_t kReadAtOnce = 300;

// What a job waits for that no pair can take. `missing`: of the first pair that
// it would fit; `unfit`: why the others are not for it.
std::string WhatIsMissing(const JobNeeds& needs, const std::string& missing,
                          const std::vector<std::string>& unfit) {
  if (needs.pair.empty() && missing.empty() && !unfit.empty()) {
    return absl::StrCat("a pair that it fits (", absl::StrJoin(unfit, "; "),
                        ")");
  }
  const std::string stages =
      missing.empty() ? MissingStages({}, needs.stages) : missing;
  return needs.pair.empty() ? stages
                            : absl::StrCat(stages, " of pair ", needs.pair);
}

}  // namespace

void Coordinator::AssignQueue(absl::Time now) {
  const Pairs pairs = PairsNow();
  // The whole queue only where a job far behind could start.
  const size_t reach = HasIdlePair() ? book_->queue().size()
                                     : static_cast<size_t>(kReasonsAtOnce);
  int64_t position = 0;
  int64_t unread = 0;
  for (const std::string& id : book_->queue().First(reach)) {
    if (++position > kReasonsAtOnce && !HasIdlePair()) return;
    if (!book_->KnowsNeeds(id) && ++unread > kReadAtOnce) {
      queue_is_due_ = true;  // those behind it have their turn after it
      return;
    }
    AssignJob(id, position, pairs, now);
  }
}

bool Coordinator::HasIdlePair() const {
  const std::vector<std::string> pairs = registry_.Pairs();
  return std::any_of(
      pairs.begin(), pairs.end(),
      [this](const std::string& pair) { return !runs_.contains(pair); });
}

Coordinator::Pairs Coordinator::PairsNow() const {
  Pairs pairs;
  for (const std::string& pair : registry_.Pairs()) {
    pairs.emplace_back(pair, StagesOf(pair));
  }
  return pairs;
}

void Coordinator::AssignJob(const std::string& id, int64_t position,
                            const Pairs& pairs, absl::Time now) {
  const absl::StatusOr<const JobNeeds*> found = book_->Needs(id);
  if (!found.ok()) return FailQueued(id, found.status());
  const JobNeeds needs = **found;
  if (!IsDue(id, now)) return;  // its reason says so
  // Two jobs in one folder would overwrite and prune each other's checkpoints.
  for (const auto& [pair, run] : runs_) {
    if (needs.output_dir.empty() ||
        !IsSameFolder(run->output_dir(), needs.output_dir)) {
      continue;
    }
    return WaitBehind(id, absl::StrCat("waits for job ", run->job(),
                                       ", which writes to the same folder"));
  }
  bool one_is_busy = false;
  std::string missing;
  std::vector<std::string> unfit;
  for (const auto& [pair, stages] : pairs) {
    const std::string why_not = WhyNotFor(id, needs, pair, stages);
    if (!why_not.empty()) {
      unfit.push_back(absl::StrCat(pair, ": ", why_not));
      continue;
    }
    const std::string lacks = MissingStages(stages, needs.stages);
    if (lacks.empty() && !runs_.contains(pair)) {
      if (IsKeptForAnother(stages, id, now)) {
        one_is_busy = true;
        continue;
      }
      waiting_since_.erase(id);
      retries_.erase(id);
      return StartRun(id, pair, now);
    }
    // A run that lost a stage has its pair all the same.
    one_is_busy = one_is_busy || lacks.empty() || runs_.contains(pair);
    if (missing.empty()) missing = lacks;
  }
  if (one_is_busy || position > kReasonsAtOnce) {
    return WaitBehind(id, "waits for the job before it");
  }
  KeepWaiting(id, needs, WhatIsMissing(needs, missing, unfit), now);
}

void Coordinator::WaitBehind(const std::string& id, const std::string& reason) {
  waiting_since_.erase(id);
  book_->SetReason(id, reason, options_.wall());
}

bool Coordinator::IsDue(const std::string& id, absl::Time now) {
  const absl::StatusOr<absl::Time> hour = book_->NotBefore(id);
  if (!hour.ok()) return false;
  if (*hour == absl::InfinitePast()) return true;
  auto& [known, due] = retries_[id];
  if (known != *hour) {
    known = *hour;
    due = now + std::min(*hour - options_.wall(), kLongestRetryDelay);
  }
  return now >= due;
}

std::string Coordinator::WhyNotFor(const std::string& id, const JobNeeds& needs,
                                   const std::string& pair,
                                   const std::vector<StageInfo>& stages) const {
  const auto found = too_small_.find(id);
  if (found != too_small_.end() && found->second.contains(pair)) {
    return "the model does not fit its memory";
  }
  return WhyUnfit(needs, pair, stages);
}

std::vector<StageInfo> Coordinator::StagesOf(const std::string& pair) const {
  std::vector<StageInfo> stages;
  for (int32_t rank = 0; rank < 2; ++rank) {
    const StageInfo* stage = registry_.Find({pair, Rank(rank)});
    if (stage != nullptr) stages.push_back(*stage);
  }
  return stages;
}

void Coordinator::StartRun(const std::string& id, const std::string& pair,
                           absl::Time now) {
  absl::StatusOr<JobPlan> plan = book_->Plan(id);
  absl::StatusOr<Job> job = book_->Get(id);
  if (!plan.ok()) return FailQueued(id, plan.status());
  if (!job.ok()) return FailQueued(id, job.status());
  if (absl::Status inside =
          CheckPaths(options_.roots, plan->config, plan->record_dir);
      !inside.ok()) {
    return FailQueued(id, inside);
  }
  metrics_->SetJobInfo(id, plan->config.model.variant, plan->config.lora.rank,
                       plan->config.name);
  book_->SetPair(id, pair);
  RunServices services{book_.get(), &registry_,     ledger_,       metrics_,
                       &traces_,    options_.clock, options_.wall, nullptr};
  services.may_go_elsewhere = [this](const std::string& refused,
                                     const std::string& by) {
    // A runner is only called with the lock held.
    mutex_.AssertHeld();
    return MayGoElsewhere(refused, by);
  };
  auto run = std::make_unique<PairRun>(pair, *std::move(plan),
                                       std::move(job->checkpoints), services);
  JobRunner& runner = run->runner();
  runs_[pair] = std::move(run);
  runner.Begin(StagesOf(pair), now);
}

void Coordinator::FailQueued(const std::string& id, const absl::Status& error) {
  waiting_since_.erase(id);
  retries_.erase(id);
  const absl::Status failed =
      book_->Apply(id, JobTrigger::kFail, std::string(error.message()), error,
                   options_.wall());
  if (failed.ok()) return;
  if (absl::IsDataLoss(failed) && book_->SetAside({id}, options_.wall()).ok()) {
    return LogError("a job is set aside",
                    {{"job", id}, {"why", failed.message()}});
  }
  LogError("a queued job cannot be read",
           {{"job", id}, {"error", failed.ToString()}});
}

void Coordinator::KeepWaiting(const std::string& id, const JobNeeds& needs,
                              const std::string& missing, absl::Time now) {
  const absl::Time since = waiting_since_.try_emplace(id, now).first->second;
  if (now - since <= needs.join_timeout) {
    return book_->SetReason(id, absl::StrCat("waits for ", missing),
                            options_.wall());
  }
  FailQueued(id, absl::DeadlineExceededError(
                     absl::StrCat(missing, " did not join within ",
                                  absl::FormatDuration(needs.join_timeout),
                                  ": see that process's log for the reason")));
}

bool Coordinator::MayGoElsewhere(const std::string& id,
                                 const std::string& pair) {
  const absl::StatusOr<const JobNeeds*> found = book_->Needs(id);
  if (!found.ok()) return false;
  const JobNeeds needs = **found;
  too_small_[id].insert(pair);
  for (const auto& [other, stages] : PairsNow()) {
    if (MissingStages(stages, needs.stages).empty() &&
        WhyNotFor(id, needs, other, stages).empty()) {
      return true;
    }
  }
  too_small_.erase(id);
  return false;
}

}  // namespace halfpipe
