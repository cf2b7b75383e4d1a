#include "coordinator/job_store.h"

#include <limits>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/rpc/job_storage_format.h"
#include "coordinator/sqlite.h"

namespace halfpipe {
namespace {

constexpr int64_t kSchemaVersion = 1;

// State and name are columns of their own for people with the sqlite3 shell;
// `body` and `spec` are what the coordinator reads.
constexpr const char* kSchema = R"sql(
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  ended INTEGER NOT NULL,
  body BLOB NOT NULL,
  spec BLOB NOT NULL);
CREATE INDEX jobs_live ON jobs (number) WHERE ended = 0;
CREATE TABLE events (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  cursor INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (job, cursor)) WITHOUT ROWID;
CREATE TABLE checkpoints (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  steps_done INTEGER NOT NULL,
  directory TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (job, steps_done)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counters VALUES ('epoch', 0);
PRAGMA user_version = 1;
)sql";

absl::Status PrepareSchema(SqliteDatabase* database, const std::string& path) {
  int64_t version = 0;
  {
    HP_ASSIGN_OR_RETURN(SqliteStatement query,
                        database->Prepare("PRAGMA user_version"));
    HP_ASSIGN_OR_RETURN(bool row, query.Step());
    version = row ? query.Int(0) : 0;
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was written by a newer version (schema ", version,
        ", this one knows ", kSchemaVersion,
        "): update halfpipe-coordinator or use another state folder"));
  }
  HP_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  if (version == 0) HP_RETURN_IF_ERROR(database->Execute(kSchema));
  return transaction.Commit();
}

}  // namespace

struct JobStore::Statements {
  explicit Statements(SqliteDatabase opened) : database(std::move(opened)) {}

  SqliteDatabase database;
  SqliteStatement insert_job;
  SqliteStatement get_job;
  SqliteStatement list_jobs;
  SqliteStatement list_live;
  SqliteStatement update_job;
  SqliteStatement insert_event;
  SqliteStatement list_events;
  SqliteStatement insert_checkpoint;
  SqliteStatement delete_checkpoint;
  SqliteStatement list_checkpoints;
  SqliteStatement count_epoch;

  absl::Status PrepareAll() {
    const std::pair<SqliteStatement*, const char*> all[] = {
        {&insert_job,
         "INSERT INTO jobs (id, name, state, ended, body, spec) "
         "VALUES (?, ?, ?, ?, ?, ?) RETURNING number"},
        {&get_job, "SELECT number, body, spec FROM jobs WHERE id = ?"},
        {&list_jobs,
         "SELECT number, body, spec FROM jobs WHERE number < ?1 "
         "AND (?3 = '' OR instr(?3, ' ' || state || ' ') > 0) "
         "ORDER BY number DESC LIMIT ?2"},
        {&list_live,
         "SELECT number, body, spec FROM jobs WHERE ended = 0 "
         "ORDER BY number"},
        {&update_job,
         "UPDATE jobs SET state = ?, ended = ?, body = ? WHERE id = ?"},
        {&insert_event, "INSERT INTO events VALUES (?, ?, ?)"},
        {&list_events,
         "SELECT body FROM events WHERE job = ? AND cursor > ? "
         "ORDER BY cursor LIMIT ?"},
        {&insert_checkpoint,
         "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)"},
        {&delete_checkpoint,
         "DELETE FROM checkpoints WHERE job = ? AND steps_done = ?"},
        {&list_checkpoints,
         "SELECT steps_done, directory, time_ms, bytes FROM checkpoints "
         "WHERE job = ? ORDER BY steps_done"},
        {&count_epoch,
         "UPDATE counters SET value = value + 1 WHERE name = 'epoch' "
         "RETURNING value"},
    };
    for (const auto& [statement, sql] : all) {
      HP_ASSIGN_OR_RETURN(*statement, database.Prepare(sql));
    }
    return absl::OkStatus();
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

// The stored body is without what has tables of its own.
std::string BodyOf(const Job& job) {
  Job body = job;
  body.checkpoints.clear();
  body.queue_position = 0;
  return EncodeJob(body);
}

}  // namespace

JobStore::JobStore(std::unique_ptr<Statements> statements)
    : statements_(std::move(statements)) {}

JobStore::~JobStore() = default;

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(
    const std::string& state_dir) {
  HP_RETURN_IF_ERROR(MakeDirectories(state_dir));
  const std::string path = absl::StrCat(state_dir, "/halfpipe.db");
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) {
    return Annotate(database.status(),
                    "is another halfpipe-coordinator using this state folder?");
  }
  HP_RETURN_IF_ERROR(PrepareSchema(&*database, path));
  auto statements = std::make_unique<Statements>(*std::move(database));
  HP_RETURN_IF_ERROR(statements->PrepareAll());
  return std::unique_ptr<JobStore>(new JobStore(std::move(statements)));
}

absl::StatusOr<StoredJob> JobStore::Create(const Job& job,
                                           const JobSpec& spec) {
  SqliteStatement& insert = statements_->insert_job;
  insert.Bind(1, job.id).Bind(2, job.name).Bind(3, JobStateName(job.state));
  insert.Bind(4, HasEnded(job.state) ? 1 : 0);
  insert.BindBlob(5, BodyOf(job)).BindBlob(6, EncodeJobSpec(spec));
  HP_ASSIGN_OR_RETURN(bool row, insert.Step());
  HP_CHECK(row);
  StoredJob stored{insert.Int(0), job, spec};
  // The row is durable once the statement has run to its end.
  HP_RETURN_IF_ERROR(insert.Run());
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

absl::StatusOr<std::vector<StoredJob>> JobStore::ListLive() const {
  HP_ASSIGN_OR_RETURN(std::vector<StoredJob> jobs,
                      ReadRows(&statements_->list_live));
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

absl::Status JobStore::WriteJob(const Job& job,
                                const std::vector<JobEvent>& events) {
  SqliteStatement& update = statements_->update_job;
  update.Bind(1, JobStateName(job.state)).Bind(2, HasEnded(job.state) ? 1 : 0);
  HP_RETURN_IF_ERROR(update.BindBlob(3, BodyOf(job)).Bind(4, job.id).Run());
  for (const JobEvent& event : events) {
    SqliteStatement& insert = statements_->insert_event;
    insert.Bind(1, job.id).Bind(2, event.cursor);
    HP_RETURN_IF_ERROR(insert.BindBlob(3, EncodeJobEvent(event)).Run());
  }
  return absl::OkStatus();
}

absl::Status JobStore::Update(const Job& job,
                              const std::vector<JobEvent>& events) {
  HP_ASSIGN_OR_RETURN(auto transaction,
                      SqliteTransaction::Begin(&statements_->database));
  HP_RETURN_IF_ERROR(WriteJob(job, events));
  return transaction.Commit();
}

absl::Status JobStore::CommitCheckpoint(const Job& job,
                                        const Checkpoint& checkpoint,
                                        const std::vector<JobEvent>& events) {
  HP_ASSIGN_OR_RETURN(auto transaction,
                      SqliteTransaction::Begin(&statements_->database));
  HP_RETURN_IF_ERROR(WriteJob(job, events));
  SqliteStatement& insert = statements_->insert_checkpoint;
  insert.Bind(1, job.id).Bind(2, checkpoint.steps_done);
  insert.Bind(3, checkpoint.directory);
  insert.Bind(4, absl::ToUnixMillis(checkpoint.time));
  HP_RETURN_IF_ERROR(insert.Bind(5, checkpoint.bytes).Run());
  return transaction.Commit();
}

absl::Status JobStore::ForgetCheckpoint(const std::string& id,
                                        int64_t steps_done) {
  return statements_->delete_checkpoint.Bind(1, id).Bind(2, steps_done).Run();
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
  SqliteStatement& count = statements_->count_epoch;
  HP_ASSIGN_OR_RETURN(bool row, count.Step());
  HP_CHECK(row);
  Epoch epoch(count.Int(0));
  HP_RETURN_IF_ERROR(count.Run());
  return epoch;
}

}  // namespace halfpipe
