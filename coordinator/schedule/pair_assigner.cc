#include "coordinator/schedule/pair_assigner.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/base/log.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/schedule/path_roots.h"

namespace halfpipe {
namespace {

// Queued jobs that are told why they wait; those behind them wait for these.
constexpr int64_t kReasonsAtOnce = 100;

// Queued jobs that are read from the disk in one look at the queue: some tens
// of milliseconds.
constexpr int64_t kReadAtOnce = 300;

// How often the whole queue is looked at where nothing happens.
constexpr absl::Duration kLookInterval = absl::Seconds(1);

constexpr absl::string_view kBehind = "waits for the job before it";

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

PairAssigner::PairAssigner(PathRootsConfig roots, absl::Time began,
                           PairRuns* runs)
    : services_(runs->services()),
      roots_(std::move(roots)),
      began_(began),
      runs_(runs) {}

void PairAssigner::OnTick(absl::Time now) {
  if (now - last_look_ >= kLookInterval) is_due_ = true;
}

void PairAssigner::Settle(absl::Time now, bool may_start) {
  RemoveFinishedRuns();
  if (is_due_ && may_start) {
    is_due_ = false;
    last_look_ = now;
    AssignQueue(now);
    // A run may end where it begins: a job that lacks nothing.
    RemoveFinishedRuns();
  }
  runs_->NoteEpochs();
  JobBook& book = *services_.book;
  services_.metrics->SetJobs(book.CountLive(),
                             static_cast<int64_t>(book.queue().size()));
}

void PairAssigner::RemoveFinishedRuns() {
  if (runs_->RemoveFinished()) is_due_ = true;
}

void PairAssigner::OnCreated(const std::string& id, absl::Time now) {
  const auto position =
      static_cast<int64_t>(services_.book->queue().size()) + 1;
  if (position > kReasonsAtOnce) {
    WaitBehind(id, std::string(kBehind));
  } else if (!runs_->HasIdlePair()) {
    AssignJob(id, position, services_.fit->PairsNow(), now);
  }
}

void PairAssigner::OnQueued(const Job& job, absl::Time now) {
  // Those before it were looked at when something happened that they wait for.
  if (!is_due_ && job.queue_position > 0 && runs_->HasIdlePair()) {
    AssignJob(job.id, job.queue_position, services_.fit->PairsNow(), now);
  }
}

void PairAssigner::AssignQueue(absl::Time now) {
  const PairFit::Pairs pairs = services_.fit->PairsNow();
  JobBook& book = *services_.book;
  // The whole queue only where a job far behind could start.
  const size_t reach = runs_->HasIdlePair()
                           ? book.queue().size()
                           : static_cast<size_t>(kReasonsAtOnce);
  int64_t position = 0;
  int64_t unread = 0;
  for (const std::string& id : book.queue().First(reach)) {
    if (++position > kReasonsAtOnce && !runs_->HasIdlePair()) return;
    if (!book.reader().KnowsNeeds(id) && ++unread > kReadAtOnce) {
      is_due_ = true;  // those behind it have their turn after it
      return;
    }
    AssignJob(id, position, pairs, now);
  }
}

void PairAssigner::AssignJob(const std::string& id, int64_t position,
                             const PairFit::Pairs& pairs, absl::Time now) {
  const absl::StatusOr<const JobNeeds*> found =
      services_.book->reader().Needs(id);
  if (!found.ok()) return FailQueued(id, found.status());
  const JobNeeds needs = **found;
  if (!IsDue(id, now)) return;  // its reason says so
  // Two jobs in one folder would overwrite and prune each other's checkpoints.
  const PairRun* const writer =
      needs.output_dir.empty() ? nullptr : runs_->WriterTo(needs.output_dir);
  if (writer != nullptr) {
    return WaitBehind(id, absl::StrCat("waits for job ", writer->job(),
                                       ", which writes to the same folder"));
  }
  bool one_is_busy = false;
  std::string missing;
  std::vector<std::string> unfit;
  for (const auto& [pair, stages] : pairs) {
    const std::string why_not =
        services_.fit->WhyNotFor(id, needs, pair, stages);
    if (!why_not.empty()) {
      unfit.push_back(absl::StrCat(pair, ": ", why_not));
      continue;
    }
    const std::string lacks = MissingStages(stages, needs.stages);
    if (lacks.empty() && !runs_->Has(pair)) {
      if (IsKeptForAnother(stages, id, now)) {
        one_is_busy = true;
        continue;
      }
      waits_.Forget(id);
      return StartRun(id, pair, now);
    }
    // A run that lost a stage has its pair all the same.
    one_is_busy = one_is_busy || lacks.empty() || runs_->Has(pair);
    if (missing.empty()) missing = lacks;
  }
  if (one_is_busy || position > kReasonsAtOnce) {
    return WaitBehind(id, std::string(kBehind));
  }
  KeepWaiting(id, needs, WhatIsMissing(needs, missing, unfit), now);
}

void PairAssigner::WaitBehind(const std::string& id,
                              const std::string& reason) {
  waits_.WaitsForOther(id);
  services_.book->SetReason(id, reason, services_.wall());
}

bool PairAssigner::IsDue(const std::string& id, absl::Time now) {
  const absl::StatusOr<absl::Time> hour =
      services_.book->reader().NotBefore(id);
  return hour.ok() && waits_.IsDue(id, *hour, now, services_.wall());
}

bool PairAssigner::IsKeptForAnother(const std::vector<StageInfo>& stages,
                                    const std::string& id,
                                    absl::Time now) const {
  // After a restart a pair goes on with what it holds; not for ever, as that
  // job may wait for something else.
  constexpr absl::Duration kKeepsPair = absl::Minutes(1);
  if (now - began_ > kKeepsPair) return false;
  return std::any_of(stages.begin(), stages.end(), [&](const StageInfo& stage) {
    return stage.loaded != nullptr && stage.loaded->start.job != id &&
           services_.book->queue().Position(stage.loaded->start.job) > 0;
  });
}

void PairAssigner::StartRun(const std::string& id, const std::string& pair,
                            absl::Time now) {
  JobBook& book = *services_.book;
  absl::StatusOr<JobPlan> plan = book.reader().Plan(id);
  absl::StatusOr<Job> job = book.reader().Get(id);
  if (!plan.ok()) return FailQueued(id, plan.status());
  if (!job.ok()) return FailQueued(id, job.status());
  if (absl::Status inside = CheckPaths(roots_, plan->config, plan->record_dir);
      !inside.ok()) {
    return FailQueued(id, inside);
  }
  services_.metrics->SetJobInfo(id, plan->config.model.variant,
                                plan->config.lora.rank);
  book.SetPair(id, pair);
  runs_->Start(pair, *std::move(plan), std::move(job->checkpoints), now);
}

void PairAssigner::FailQueued(const std::string& id,
                              const absl::Status& error) {
  waits_.Forget(id);
  const absl::Status failed =
      services_.book->Apply(id, JobTrigger::kFail, std::string(error.message()),
                            error, services_.wall());
  if (failed.ok()) return;
  if (absl::IsDataLoss(failed) &&
      services_.book->SetAside({id}, services_.wall()).ok()) {
    return LogError("a job is set aside",
                    {{"job", id}, {"why", failed.message()}});
  }
  LogError("a queued job cannot be read",
           {{"job", id}, {"error", failed.ToString()}});
}

void PairAssigner::KeepWaiting(const std::string& id, const JobNeeds& needs,
                               const std::string& missing, absl::Time now) {
  const absl::Time since = waits_.WaitsForStages(id, now);
  if (now - since <= needs.join_timeout) {
    return services_.book->SetReason(id, absl::StrCat("waits for ", missing),
                                     services_.wall());
  }
  FailQueued(id, absl::DeadlineExceededError(
                     absl::StrCat(missing, " did not join within ",
                                  absl::FormatDuration(needs.join_timeout),
                                  ": see that process's log for the reason")));
}

}  // namespace halfpipe
