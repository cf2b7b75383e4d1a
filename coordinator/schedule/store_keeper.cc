#include "coordinator/schedule/store_keeper.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/store/store_copies.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kUpkeepInterval = absl::Hours(24);
constexpr absl::Duration kPruneInterval = absl::Minutes(1);
// At once: whoever changes a job meanwhile waits for it.
constexpr int64_t kPrunedAtOnce = 20;
// Free pages of 4 KiB that the file may keep for what comes next.
constexpr int64_t kFreePages = 1024;
// Of the wall clock against the monotonic one, between two ticks: more is a
// clock that was set, or a machine that slept.
constexpr absl::Duration kClockStep = absl::Hours(1);

}  // namespace

StoreKeeper::StoreKeeper(JobBook* book, CoordinatorMetrics* metrics, Clock wall,
                         RetentionConfig retention)
    : book_(book),
      metrics_(metrics),
      wall_(std::move(wall)),
      retention_(retention),
      upkeep_(book->store().state_dir()) {}

void StoreKeeper::OnTick(absl::Time now) {
  if (!last_upkeep_.has_value() || now - *last_upkeep_ >= kUpkeepInterval) {
    last_upkeep_ = now;
    upkeep_.Begin(wall_());
  }
  if (const std::optional<StoreUpkeep::Report> report = upkeep_.Take();
      report.has_value()) {
    OnReport(*report, wall_());
  }
  Prune(now);
}

void StoreKeeper::OnReport(const StoreUpkeep::Report& report, absl::Time wall) {
  if (!report.damage.ok()) {
    damage_ = ExplainDamage(report.damage, book_->store().state_dir());
    return;
  }
  std::vector<std::string> jobs;
  for (const DamagedRow& row : report.rows) {
    LogError("a record of the database is damaged", {{"record", ToText(row)}});
    if (row.kind == DamagedRow::Kind::kJob) jobs.push_back(row.job);
  }
  if (const absl::Status aside = book_->SetAside(jobs, wall); !aside.ok()) {
    LogError("cannot set damaged jobs aside", {{"status", aside.message()}});
  }
  metrics_->SetDamagedRows(static_cast<int64_t>(report.rows.size()));
  if (report.copy.ok()) return metrics_->OnStoreCopy(wall);
  LogWarning("there is no new copy of the database",
             {{"status", report.copy.message()}});
}

void StoreKeeper::NoteClock(absl::Time now) {
  const absl::Duration ahead = wall_() - now;
  const absl::Duration before =
      std::exchange(wall_ahead_, ahead).value_or(ahead);
  if (absl::AbsDuration(ahead - before) > kClockStep) clock_set_ = now;
}

void StoreKeeper::Prune(absl::Time now) {
  if (now < next_prune_) return;
  next_prune_ = now + kPruneInterval;
  const absl::Time before = now - clock_set_ < kClockStep
                                ? absl::InfinitePast()
                                : wall_() - absl::Hours(24) * retention_.days;
  const absl::StatusOr<size_t> deleted =
      book_->Prune(before, retention_.ended_jobs, kPrunedAtOnce);
  if (!deleted.ok()) {
    return LogWarning("cannot delete old jobs",
                      {{"status", deleted.status().message()}});
  }
  may_shrink_ = may_shrink_ || *deleted > 0;
  if (*deleted > 0) next_prune_ = now;  // the next tick has more, or shrinks
  if (*deleted > 0 || !may_shrink_) return;
  const absl::StatusOr<int64_t> free = book_->store().Shrink(kFreePages);
  may_shrink_ = free.ok() && *free > kFreePages;
  if (may_shrink_) next_prune_ = now;
}

void StoreKeeper::OnDeleted() {
  may_shrink_ = true;
  next_prune_ = absl::InfinitePast();
}

absl::Status StoreKeeper::Check() const {
  HP_RETURN_IF_ERROR(damage_);
  const absl::Status answer = book_->store().Probe();
  if (!absl::IsDataLoss(answer)) return answer;
  return ExplainDamage(answer, book_->store().state_dir());
}

}  // namespace halfpipe
