#include "coordinator/store/job_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/store/job_storage_format.h"
#include "coordinator/store/store_copies.h"
#include "coordinator/store/store_open.h"
#include "coordinator/store/store_statements.h"

namespace halfpipe {

JobStore::JobStore(std::string state_dir, StateFolderLock lock,
                   std::unique_ptr<StoreStatements> statements,
                   SqliteDatabase copier, int64_t log_pages)
    : state_dir_(std::move(state_dir)),
      lock_(std::move(lock)),
      statements_(std::move(statements)),
      commits_(&statements_->writer),
      log_(&statements_->writer, std::move(copier), log_pages) {}

JobStore::~JobStore() = default;

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(
    const std::string& state_dir, int64_t log_pages) {
  HP_ASSIGN_OR_RETURN(StateFolderLock lock, LockStateFolder(state_dir));
  HP_ASSIGN_OR_RETURN(std::unique_ptr<StoreStatements> statements,
                      OpenStore(state_dir));
  HP_ASSIGN_OR_RETURN(SqliteDatabase copier,
                      SqliteDatabase::OpenReader(StorePath(state_dir)));
  std::unique_ptr<JobStore> store(new JobStore(state_dir, std::move(lock),
                                               std::move(statements),
                                               std::move(copier), log_pages));
  HP_RETURN_IF_ERROR(store->FindLastNumber());
  return store;
}

absl::Status JobStore::FindLastNumber() {
  // The first is the number of the newest job, be it deleted or not; the other
  // is for a file that somebody has mended.
  HP_ASSIGN_OR_RETURN(
      last_number_, statements_->reader.Number(
                        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence "
                        "WHERE name = 'jobs'), 0), "
                        "coalesce((SELECT max(number) FROM jobs), 0))"));
  return absl::OkStatus();
}

int64_t JobStore::NextNumber() { return ++last_number_; }

void JobStore::Note(const absl::Status& status) const {
  if (!absl::IsDataLoss(status)) return;
  absl::MutexLock lock(&mutex_);
  if (damage_.ok()) damage_ = status;
}

JobStore::Ticket JobStore::QueueCreate(const StoredJob& stored,
                                       const std::vector<JobEvent>& events) {
  return commits_.Add([this, row = NewRowOf(stored, events)] {
    return statements_->Insert(row);
  });
}

absl::StatusOr<StoredJob> JobStore::Create(const Job& job,
                                           const JobSpec& spec) {
  StoredJob stored{NextNumber(), job, spec};
  HP_RETURN_IF_ERROR(Wait(QueueCreate(stored, {})));
  return stored;
}

absl::StatusOr<StoredJob> JobStore::Get(const std::string& id) const {
  absl::StatusOr<std::vector<StoredJob>> jobs =
      ReadJobs(&statements_->get_job.Bind(1, id));
  Note(jobs.status());
  HP_RETURN_IF_ERROR(jobs.status());
  if (jobs->empty()) {
    return absl::NotFoundError(absl::StrCat("there is no job \"", id, "\""));
  }
  HP_RETURN_IF_ERROR(LoadCheckpoints(&jobs->front().job));
  return std::move(jobs->front());
}

absl::StatusOr<std::string> JobStore::Config(const std::string& id) const {
  SqliteStatement& query = statements_->get_config;
  const absl::StatusOr<bool> row = query.Bind(1, id).Step();
  Note(row.status());
  HP_RETURN_IF_ERROR(row.status());
  absl::StatusOr<std::string> config = absl::DataLossError("it is gone");
  if (*row) config = FromStoredBytes(query.Text(0));
  query.Reset();
  if (config.ok()) return config;
  return absl::DataLossError(
      absl::StrCat("the record of the configuration of job ", id,
                   " is damaged: ", config.status().message()));
}

absl::StatusOr<std::vector<StoredJob>> JobStore::List(
    int64_t before, int64_t limit, const std::vector<JobState>& states) const {
  // A row of another state is passed over without reading its body.
  std::string names;
  for (JobState state : states) {
    absl::StrAppend(&names, " ", JobStateName(state), " ");
    if (state == JobState::kFailed) absl::StrAppend(&names, " damaged ");
  }
  SqliteStatement& query = statements_->list_jobs;
  absl::StatusOr<std::vector<StoredJob>> jobs =
      ReadJobs(&query.Bind(1, before).Bind(2, limit).Bind(3, names));
  Note(jobs.status());
  return jobs;
}

absl::Status JobStore::Probe() const {
  {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(damage_);
  }
  SqliteStatement& query = statements_->newest;
  absl::Status status = query.Step().status();
  query.Reset();
  return status;
}

absl::StatusOr<std::vector<QueuedJob>> JobStore::ListQueued() const {
  SqliteStatement& query = statements_->list_queued;
  std::vector<QueuedJob> jobs;
  while (true) {
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    if (!row) return jobs;
    jobs.push_back({query.Int(0), query.Text(1), query.Int(2), query.Int(3)});
  }
}

absl::StatusOr<std::vector<StoredJob>> JobStore::ListUnderWay() const {
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> jobs,
                      ReadJobs(&statements_->list_under_way));
  for (StoredJob& stored : jobs) {
    HP_RETURN_IF_ERROR(LoadCheckpoints(&stored.job));
  }
  return jobs;
}

absl::Status JobStore::LoadCheckpoints(Job* job) const {
  SqliteStatement& query = statements_->list_checkpoints;
  query.Bind(1, job->id);
  job->checkpoints.clear();
  while (true) {
    const absl::StatusOr<bool> row = query.Step();
    Note(row.status());
    HP_RETURN_IF_ERROR(row.status());
    if (!*row) return absl::OkStatus();
    job->checkpoints.push_back({query.Int(0), query.Text(1),
                                absl::FromUnixMillis(query.Int(2)),
                                query.Int(3)});
  }
}

JobStore::Ticket JobStore::QueueUpdate(const Job& job,
                                       const std::vector<JobEvent>& events) {
  return commits_.Add(
      [this, row = RowOf(job, events)] { return statements_->Update(row); });
}

absl::Status JobStore::Update(const Job& job,
                              const std::vector<JobEvent>& events) {
  return Wait(QueueUpdate(job, events));
}

absl::Status JobStore::CommitCheckpoint(const Job& job,
                                        const Checkpoint& checkpoint,
                                        const std::vector<JobEvent>& events) {
  return Wait(commits_.Add([this, row = RowOf(job, events), checkpoint] {
    HP_RETURN_IF_ERROR(statements_->Update(row));
    return statements_->InsertCheckpoint(row.id, checkpoint);
  }));
}

absl::Status JobStore::ForgetCheckpoint(const std::string& id,
                                        int64_t steps_done) {
  return Wait(commits_.Add([this, id, steps_done] {
    return statements_->delete_checkpoint.Bind(1, id).Bind(2, steps_done).Run();
  }));
}

absl::Status JobStore::SetAside(const std::vector<std::string>& ids,
                                absl::Time now) {
  return Wait(commits_.Add([this, ids, now] {
    SqliteStatement& update = statements_->set_job_aside;
    for (const std::string& id : ids) {
      HP_RETURN_IF_ERROR(
          update.Bind(1, absl::ToUnixMillis(now)).Bind(2, id).Run());
    }
    return absl::OkStatus();
  }));
}

absl::Status JobStore::Delete(const std::vector<std::string>& ids) {
  return Wait(commits_.Add([this, ids] {
    for (const std::string& id : ids) {
      HP_RETURN_IF_ERROR(statements_->delete_job.Bind(1, id).Run());
    }
    return absl::OkStatus();
  }));
}

absl::StatusOr<std::vector<std::string>> JobStore::ListExpired(
    absl::Time before, int64_t keep, int64_t limit) const {
  std::vector<std::string> ids;
  const auto add = [&](SqliteStatement& query) -> absl::Status {
    while (true) {
      HP_ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      const std::string id = query.Text(0);
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
        ids.push_back(id);
      }
    }
  };
  SqliteStatement& old = statements_->list_ended_before;
  HP_RETURN_IF_ERROR(
      add(old.Bind(1, absl::ToUnixMillis(before)).Bind(2, limit)));
  SqliteStatement& many = statements_->list_ended_beyond;
  HP_RETURN_IF_ERROR(add(many.Bind(1, keep).Bind(2, limit)));
  return ids;
}

absl::StatusOr<int64_t> JobStore::Shrink(int64_t keep) {
  constexpr const char* kFreePages = "PRAGMA freelist_count";
  HP_ASSIGN_OR_RETURN(const int64_t free,
                      statements_->reader.Number(kFreePages));
  if (free <= keep) return free;
  // A MiB at a time: nobody waits long for it.
  HP_RETURN_IF_ERROR(Wait(commits_.Add([this] {
    return statements_->writer.Execute("PRAGMA incremental_vacuum(256)");
  })));
  HP_ASSIGN_OR_RETURN(const int64_t left,
                      statements_->reader.Number(kFreePages));
  // A file that was never written anew has no way to do this.
  return left < free ? left : 0;
}

absl::StatusOr<std::vector<JobEvent>> JobStore::Events(const std::string& id,
                                                       int64_t after_cursor,
                                                       int64_t limit) const {
  SqliteStatement& query = statements_->list_events;
  query.Bind(1, id).Bind(2, after_cursor).Bind(3, limit);
  std::vector<JobEvent> events;
  while (true) {
    const absl::StatusOr<bool> row = query.Step();
    Note(row.status());
    HP_RETURN_IF_ERROR(row.status());
    if (!*row) return events;
    absl::StatusOr<JobEvent> event = DecodeJobEvent(query.Text(1));
    if (!event.ok()) {
      event.emplace();
      event->what =
          LogLine{LogSeverity::kWarning, "the record of an event is damaged"};
    }
    event->cursor = query.Int(0);
    events.push_back(*std::move(event));
  }
}

absl::StatusOr<Epoch> JobStore::NextEpoch() {
  int64_t value = 0;
  HP_RETURN_IF_ERROR(Wait(commits_.Add([this, &value]() -> absl::Status {
    SqliteStatement& count = statements_->count_epoch;
    HP_ASSIGN_OR_RETURN(const bool row, count.Step());
    if (!row) return absl::DataLossError("the counter of epochs is gone");
    value = count.Int(0);
    return count.Run();
  })));
  return Epoch(value);
}

absl::Status JobStore::Wait(const Ticket& ticket) {
  absl::Status status = commits_.Wait(ticket);
  Note(status);
  return status;
}

bool JobStore::IsDone(const Ticket& ticket) { return commits_.IsDone(ticket); }

}  // namespace halfpipe
