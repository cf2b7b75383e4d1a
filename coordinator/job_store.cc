#include "coordinator/job_store.h"

#include <limits>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/rpc/job_storage_format.h"
#include "coordinator/sqlite.h"
#include "coordinator/store_schema.h"

namespace halfpipe {
namespace {

// A job as it is written: encoded when the change was queued.
struct JobRow {
  int64_t number = 0;  // of a new job, as name, priority and spec
  std::string id;
  std::string name;
  int64_t priority = 0;
  std::string state;
  int64_t ended = 0;
  std::string body;
  std::string spec;
  std::vector<std::pair<int64_t, std::string>> events;  // by cursor
};

// The stored body is without what has tables of its own.
std::string BodyOf(const Job& job) {
  Job body = job;
  body.checkpoints.clear();
  body.queue_position = 0;
  return EncodeJob(body);
}

JobRow RowOf(const Job& job, const std::vector<JobEvent>& events) {
  JobRow row;
  row.id = job.id;
  row.state = std::string(JobStateName(job.state));
  row.ended = HasEnded(job.state) ? 1 : 0;
  row.body = BodyOf(job);
  row.events.reserve(events.size());
  for (const JobEvent& event : events) {
    row.events.emplace_back(event.cursor, EncodeJobEvent(event));
  }
  return row;
}

}  // namespace

// One connection for the thread that commits and one for queries, so that
// these never wait for the disk.
struct JobStore::Statements {
  Statements(SqliteDatabase to_write, SqliteDatabase to_read)
      : writer(std::move(to_write)), reader(std::move(to_read)) {}

  SqliteDatabase writer;
  SqliteDatabase reader;
  SqliteStatement insert_job;
  SqliteStatement get_job;
  SqliteStatement list_jobs;
  SqliteStatement list_queued;
  SqliteStatement list_under_way;
  SqliteStatement update_job;
  SqliteStatement insert_event;
  SqliteStatement list_events;
  SqliteStatement insert_checkpoint;
  SqliteStatement delete_checkpoint;
  SqliteStatement list_checkpoints;
  SqliteStatement count_epoch;

  absl::Status PrepareAll() {
    const std::pair<SqliteStatement*, const char*> writes[] = {
        {&insert_job,
         "INSERT INTO jobs "
         "(number, id, name, state, ended, body, spec, priority) "
         "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
        {&update_job,
         "UPDATE jobs SET state = ?, ended = ?, body = ? WHERE id = ?"},
        {&insert_event, "INSERT INTO events VALUES (?, ?, ?)"},
        {&insert_checkpoint,
         "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)"},
        {&delete_checkpoint,
         "DELETE FROM checkpoints WHERE job = ? AND steps_done = ?"},
        {&count_epoch,
         "UPDATE counters SET value = value + 1 WHERE name = 'epoch' "
         "RETURNING value"},
    };
    const std::pair<SqliteStatement*, const char*> reads[] = {
        {&get_job, "SELECT number, body, spec FROM jobs WHERE id = ?"},
        {&list_jobs,
         "SELECT number, body, spec FROM jobs WHERE number < ?1 "
         "AND (?3 = '' OR instr(?3, ' ' || state || ' ') > 0) "
         "ORDER BY number DESC LIMIT ?2"},
        // As their indexes in the schema say, which hold no other jobs.
        {&list_queued,
         "SELECT number, id, priority FROM jobs WHERE state = 'queued' "
         "ORDER BY priority DESC, number"},
        {&list_under_way,
         "SELECT number, body, spec FROM jobs "
         "WHERE ended = 0 AND state <> 'queued' ORDER BY number"},
        {&list_events,
         "SELECT body FROM events WHERE job = ? AND cursor > ? "
         "ORDER BY cursor LIMIT ?"},
        {&list_checkpoints,
         "SELECT steps_done, directory, time_ms, bytes FROM checkpoints "
         "WHERE job = ? ORDER BY steps_done"},
    };
    for (const auto& [statement, sql] : writes) {
      HP_ASSIGN_OR_RETURN(*statement, writer.Prepare(sql));
    }
    for (const auto& [statement, sql] : reads) {
      HP_ASSIGN_OR_RETURN(*statement, reader.Prepare(sql));
    }
    return absl::OkStatus();
  }

  // The following run while a change is committed.
  absl::Status Insert(const JobRow& row) {
    insert_job.Bind(1, row.number).Bind(2, row.id).Bind(3, row.name);
    insert_job.Bind(4, row.state).Bind(5, row.ended);
    insert_job.BindBlob(6, row.body).BindBlob(7, row.spec);
    HP_RETURN_IF_ERROR(insert_job.Bind(8, row.priority).Run());
    return InsertEvents(row);
  }

  absl::Status Update(const JobRow& row) {
    update_job.Bind(1, row.state).Bind(2, row.ended);
    HP_RETURN_IF_ERROR(update_job.BindBlob(3, row.body).Bind(4, row.id).Run());
    return InsertEvents(row);
  }

  absl::Status InsertEvents(const JobRow& row) {
    for (const auto& [cursor, body] : row.events) {
      insert_event.Bind(1, row.id).Bind(2, cursor);
      HP_RETURN_IF_ERROR(insert_event.BindBlob(3, body).Run());
    }
    return absl::OkStatus();
  }

  absl::Status InsertCheckpoint(const std::string& id,
                                const Checkpoint& checkpoint) {
    insert_checkpoint.Bind(1, id).Bind(2, checkpoint.steps_done);
    insert_checkpoint.Bind(3, checkpoint.directory);
    insert_checkpoint.Bind(4, absl::ToUnixMillis(checkpoint.time));
    return insert_checkpoint.Bind(5, checkpoint.bytes).Run();
  }
};

namespace {

// `row` holds number, body, spec.
absl::StatusOr<StoredJob> ReadRow(const SqliteStatement& row) {
  StoredJob stored;
  stored.number = row.Int(0);
  HP_ASSIGN_OR_RETURN(stored.job, DecodeJob(row.Text(1)));
  HP_ASSIGN_OR_RETURN(stored.spec, DecodeJobSpec(row.Text(2)));
  return stored;
}

// Reads every row of a bound statement.
absl::StatusOr<std::vector<StoredJob>> ReadRows(SqliteStatement* query) {
  std::vector<StoredJob> jobs;
  while (true) {
    HP_ASSIGN_OR_RETURN(bool row, query->Step());
    if (!row) return jobs;
    absl::StatusOr<StoredJob> job = ReadRow(*query);
    if (!job.ok()) {
      query->Reset();
      return job.status();
    }
    jobs.push_back(*std::move(job));
  }
}

}  // namespace

JobStore::JobStore(FileLock lock, std::unique_ptr<Statements> statements,
                   SqliteDatabase copier, int64_t log_pages)
    : lock_(std::move(lock)),
      statements_(std::move(statements)),
      commits_(&statements_->writer),
      log_(&statements_->writer, std::move(copier), log_pages) {}

JobStore::~JobStore() = default;

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(
    const std::string& state_dir, int64_t log_pages) {
  HP_RETURN_IF_ERROR(MakeDirectories(state_dir));
  const std::string path = absl::StrCat(state_dir, "/halfpipe.db");
  absl::StatusOr<FileLock> lock =
      FileLock::Acquire(absl::StrCat(state_dir, "/halfpipe.lock"));
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::UnavailableError(
        absl::StrCat(lock.status().message(),
                     ": another halfpipe-coordinator uses this state folder"));
  }
  HP_RETURN_IF_ERROR(lock.status());
  absl::StatusOr<SqliteDatabase> writer = SqliteDatabase::Open(path);
  if (!writer.ok()) {
    return Annotate(writer.status(),
                    "is another halfpipe-coordinator using this state folder?");
  }
  HP_RETURN_IF_ERROR(PrepareSchema(&*writer, path));
  HP_ASSIGN_OR_RETURN(SqliteDatabase reader, SqliteDatabase::OpenReader(path));
  auto statements =
      std::make_unique<Statements>(*std::move(writer), std::move(reader));
  HP_RETURN_IF_ERROR(statements->PrepareAll());
  HP_ASSIGN_OR_RETURN(SqliteDatabase copier, SqliteDatabase::OpenReader(path));
  std::unique_ptr<JobStore> store(new JobStore(
      *std::move(lock), std::move(statements), std::move(copier), log_pages));
  HP_RETURN_IF_ERROR(store->FindLastNumber());
  return store;
}

absl::Status JobStore::FindLastNumber() {
  HP_ASSIGN_OR_RETURN(SqliteStatement query,
                      statements_->reader.Prepare(
                          "SELECT seq FROM sqlite_sequence WHERE name = "
                          "'jobs'"));
  HP_ASSIGN_OR_RETURN(bool row, query.Step());
  if (row) last_number_ = query.Int(0);
  return absl::OkStatus();
}

int64_t JobStore::NextNumber() { return ++last_number_; }

JobStore::Ticket JobStore::QueueCreate(const StoredJob& stored,
                                       const std::vector<JobEvent>& events) {
  JobRow row = RowOf(stored.job, events);
  row.number = stored.number;
  row.name = stored.job.name;
  row.priority = stored.job.priority;
  row.spec = EncodeJobSpec(stored.spec);
  return commits_.Add(
      [this, row = std::move(row)] { return statements_->Insert(row); });
}

absl::StatusOr<StoredJob> JobStore::Create(const Job& job,
                                           const JobSpec& spec) {
  StoredJob stored{NextNumber(), job, spec};
  HP_RETURN_IF_ERROR(Wait(QueueCreate(stored, {})));
  return stored;
}

absl::StatusOr<StoredJob> JobStore::Get(const std::string& id) const {
  SqliteStatement& query = statements_->get_job;
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> jobs,
                      ReadRows(&query.Bind(1, id)));
  if (jobs.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no job \"", id, "\""));
  }
  HP_RETURN_IF_ERROR(LoadCheckpoints(&jobs.front().job));
  return std::move(jobs.front());
}

absl::StatusOr<std::vector<StoredJob>> JobStore::List(
    int64_t before, int64_t limit, const std::vector<JobState>& states) const {
  // A row of another state is passed over without reading its body.
  std::string names;
  for (JobState state : states) {
    absl::StrAppend(&names, " ", JobStateName(state), " ");
  }
  SqliteStatement& query = statements_->list_jobs;
  return ReadRows(&query.Bind(1, before).Bind(2, limit).Bind(3, names));
}

absl::Status JobStore::Probe() const {
  return List(std::numeric_limits<int64_t>::max(), /*limit=*/1).status();
}

absl::StatusOr<std::vector<QueuedJob>> JobStore::ListQueued() const {
  SqliteStatement& query = statements_->list_queued;
  std::vector<QueuedJob> jobs;
  while (true) {
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    if (!row) return jobs;
    jobs.push_back({query.Int(0), query.Text(1), query.Int(2)});
  }
}

absl::StatusOr<std::vector<StoredJob>> JobStore::ListUnderWay() const {
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> jobs,
                      ReadRows(&statements_->list_under_way));
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
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    if (!row) return absl::OkStatus();
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

absl::StatusOr<std::vector<JobEvent>> JobStore::Events(const std::string& id,
                                                       int64_t after_cursor,
                                                       int64_t limit) const {
  SqliteStatement& query = statements_->list_events;
  query.Bind(1, id).Bind(2, after_cursor).Bind(3, limit);
  std::vector<JobEvent> events;
  while (true) {
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    if (!row) return events;
    absl::StatusOr<JobEvent> event = DecodeJobEvent(query.Text(0));
    if (!event.ok()) {
      query.Reset();
      return event.status();
    }
    events.push_back(*std::move(event));
  }
}

absl::StatusOr<Epoch> JobStore::NextEpoch() {
  int64_t value = 0;
  HP_RETURN_IF_ERROR(Wait(commits_.Add([this, &value] {
    SqliteStatement& count = statements_->count_epoch;
    HP_ASSIGN_OR_RETURN(bool row, count.Step());
    HP_CHECK(row);
    value = count.Int(0);
    return count.Run();
  })));
  return Epoch(value);
}

absl::Status JobStore::Wait(const Ticket& ticket) {
  return commits_.Wait(ticket);
}

bool JobStore::IsDone(const Ticket& ticket) { return commits_.IsDone(ticket); }

}  // namespace halfpipe
