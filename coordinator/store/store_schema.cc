#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "coordinator/store/job_storage_format.h"
#include "coordinator/store/store_open.h"
#include "coordinator/store/stored_job.h"

namespace halfpipe {
namespace {

// State and name are columns of their own for people with the sqlite3 shell;
// `body` and `spec` are what the coordinator reads.
constexpr const char* kTables = R"sql(
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
)sql";

// The queue is read from its index alone: a start with a long one must not read
// every job in it.
constexpr const char* kQueueIndex = R"sql(
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_live;
CREATE INDEX jobs_queued ON jobs (priority DESC, number, id)
  WHERE state = 'queued';
CREATE INDEX jobs_under_way ON jobs (number)
  WHERE ended = 0 AND state <> 'queued';
)sql";

// A job's configuration has a row of its own, which changes of the job do not
// write again. `request` is the digest of what was asked for, in place of its
// text; `bytes` is what the job counts for in limits.queued_bytes.
constexpr const char* kConfigs = R"sql(
ALTER TABLE jobs ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN ended_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE configs (
  number INTEGER PRIMARY KEY REFERENCES jobs (number) ON DELETE CASCADE,
  body BLOB NOT NULL);
DROP INDEX jobs_queued;
CREATE INDEX jobs_queued ON jobs (priority DESC, number, id, bytes)
  WHERE state = 'queued';
CREATE INDEX jobs_ended ON jobs (ended_ms, number) WHERE ended = 1;
)sql";

// In the file's header: whose it is ("hfpp").
constexpr int64_t kApplicationId = 0x68667070;

absl::Status MakeTables(SqliteDatabase* database) {
  return database->Execute(kTables);
}

absl::Status IndexQueue(SqliteDatabase* database) {
  HP_RETURN_IF_ERROR(database->Execute(kQueueIndex));
  std::vector<std::pair<int64_t, int64_t>> priorities;  // by number
  {
    HP_ASSIGN_OR_RETURN(
        SqliteStatement query,
        database->Prepare("SELECT number, body FROM jobs WHERE ended = 0"));
    while (true) {
      HP_ASSIGN_OR_RETURN(bool row, query.Step());
      if (!row) break;
      // One that cannot be read is set aside once the tables are new.
      const absl::StatusOr<Job> job = DecodeJob(query.Text(1));
      if (job.ok()) priorities.emplace_back(query.Int(0), job->priority);
    }
  }
  HP_ASSIGN_OR_RETURN(
      SqliteStatement update,
      database->Prepare("UPDATE jobs SET priority = ? WHERE number = ?"));
  for (const auto& [number, priority] : priorities) {
    HP_RETURN_IF_ERROR(update.Bind(1, priority).Bind(2, number).Run());
  }
  return absl::OkStatus();
}

// Takes the texts out of one job's row. One that cannot be read stays.
absl::Status SplitRow(int64_t number, const std::string& body,
                      const std::string& request, SqliteStatement* update,
                      SqliteStatement* insert) {
  absl::StatusOr<Job> job = DecodeJob(body);
  absl::StatusOr<JobSpec> spec = DecodeJobSpec(request);
  if (!job.ok() || !spec.ok()) return absl::OkStatus();
  const std::string digest = DigestOf(*spec);
  const int64_t bytes = BytesOf(*job, *spec);
  const std::string config = std::exchange(job->config_yaml, "");
  spec->config_yaml.clear();
  update->BindBlob(1, EncodeJob(*job)).BindBlob(2, EncodeJobSpec(*spec));
  update->Bind(3, digest).Bind(4, bytes);
  update->Bind(5, job->ended.has_value() ? absl::ToUnixMillis(*job->ended) : 0);
  HP_RETURN_IF_ERROR(update->Bind(6, number).Run());
  return insert->Bind(1, number).BindBlob(2, ToStoredBytes(config)).Run();
}

absl::Status SplitConfigs(SqliteDatabase* database) {
  HP_RETURN_IF_ERROR(database->Execute(kConfigs));
  HP_ASSIGN_OR_RETURN(
      SqliteStatement query,
      database->Prepare("SELECT number, body, spec FROM jobs WHERE number > ? "
                        "ORDER BY number LIMIT 1"));
  HP_ASSIGN_OR_RETURN(
      SqliteStatement update,
      database->Prepare("UPDATE jobs SET body = ?, spec = ?, request = ?, "
                        "bytes = ?, ended_ms = ? WHERE number = ?"));
  HP_ASSIGN_OR_RETURN(SqliteStatement insert,
                      database->Prepare("INSERT INTO configs VALUES (?, ?)"));
  int64_t number = 0;
  while (true) {
    HP_ASSIGN_OR_RETURN(const bool row, query.Bind(1, number).Step());
    if (!row) return absl::OkStatus();
    number = query.Int(0);
    const std::string body = query.Text(1);
    const std::string request = query.Text(2);
    query.Reset();
    HP_RETURN_IF_ERROR(SplitRow(number, body, request, &update, &insert));
  }
}

// A file without a version is a new one, or somebody else's.
absl::Status CheckIsOurs(const SqliteDatabase& database, int64_t version,
                         const std::string& path) {
  HP_ASSIGN_OR_RETURN(const int64_t id,
                      database.Number("PRAGMA application_id"));
  HP_ASSIGN_OR_RETURN(const int64_t tables,
                      database.Number("SELECT count(*) FROM sqlite_master"));
  const bool is_new = version == 0 && id == 0 && tables == 0;
  const bool is_ours = version > 0 && (id == 0 || id == kApplicationId);
  if (is_new || is_ours) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path, " is a database of another program, or its header is damaged"));
}

// What makes version i + 1 of version i; a new file passes through all.
constexpr absl::Status (*kUpgrades[])(SqliteDatabase*) = {
    MakeTables, IndexQueue, SplitConfigs};
constexpr int64_t kSchemaVersion = std::size(kUpgrades);

}  // namespace

absl::Status PrepareSchema(SqliteDatabase* database, const std::string& path) {
  HP_ASSIGN_OR_RETURN(const int64_t version,
                      database->Number("PRAGMA user_version"));
  HP_RETURN_IF_ERROR(CheckIsOurs(*database, version, path));
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " was written by a newer version (schema ", version,
        ", this one knows ", kSchemaVersion,
        "): update halfpipe-coordinator or use another state folder"));
  }
  HP_ASSIGN_OR_RETURN(auto transaction, SqliteTransaction::Begin(database));
  for (int64_t next = version; next < kSchemaVersion; ++next) {
    HP_RETURN_IF_ERROR(kUpgrades[next](database));
  }
  HP_RETURN_IF_ERROR(database->Execute(
      absl::StrCat("PRAGMA user_version = ", kSchemaVersion,
                   "; PRAGMA application_id = ", kApplicationId)));
  return transaction.Commit();
}

}  // namespace halfpipe
