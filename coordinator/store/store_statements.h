// The job store's connections and what it says on them.
#ifndef HP_COORDINATOR_STORE_STORE_STATEMENTS_H_
#define HP_COORDINATOR_STORE_STORE_STATEMENTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/stored_job.h"

namespace halfpipe {

// A job as it is written: encoded when the change was queued.
struct JobRow {
  int64_t number = 0;  // of a new job, as name to config
  std::string id;
  std::string name;
  int64_t priority = 0;
  std::string spec;
  std::string request;
  int64_t bytes = 0;
  std::string config;
  std::string state;
  int64_t ended = 0;
  int64_t ended_ms = 0;
  std::string body;
  std::vector<std::pair<int64_t, std::string>> events;  // by cursor
};

// The row of a change.
[[nodiscard]] JobRow RowOf(const Job& job, const std::vector<JobEvent>& events);
// The row of a new job; `stored` holds its config.
[[nodiscard]] JobRow NewRowOf(const StoredJob& stored,
                              const std::vector<JobEvent>& events);

// One connection for the thread that commits and one for queries, so that
// these never wait for the disk. The writes run while a change is committed.
// Not thread-safe, but those of one connection do not disturb the other's.
struct StoreStatements {
  StoreStatements(SqliteDatabase to_write, SqliteDatabase to_read)
      : writer(std::move(to_write)), reader(std::move(to_read)) {}

  SqliteDatabase writer;
  SqliteDatabase reader;
  SqliteStatement insert_job;
  SqliteStatement insert_config;
  SqliteStatement update_job;
  SqliteStatement set_job_aside;
  SqliteStatement delete_job;
  SqliteStatement insert_event;
  SqliteStatement insert_checkpoint;
  SqliteStatement delete_checkpoint;
  SqliteStatement count_epoch;
  SqliteStatement get_job;
  SqliteStatement get_config;
  SqliteStatement list_jobs;
  SqliteStatement list_queued;
  SqliteStatement list_under_way;
  SqliteStatement list_ended_before;
  SqliteStatement list_ended_beyond;
  SqliteStatement list_events;
  SqliteStatement list_checkpoints;
  SqliteStatement newest;

  // Call first. Codes: SqliteDatabase::Prepare's.
  [[nodiscard]] absl::Status PrepareAll();

  [[nodiscard]] absl::Status Insert(const JobRow& row);
  [[nodiscard]] absl::Status Update(const JobRow& row);
  [[nodiscard]] absl::Status InsertCheckpoint(const std::string& id,
                                              const Checkpoint& checkpoint);
  [[nodiscard]] absl::Status InsertEvents(const JobRow& row);
};

// Reads every row of a bound query that begins with number, id, name, body,
// spec, request and bytes. One that cannot be read becomes a damaged job.
[[nodiscard]] absl::StatusOr<std::vector<StoredJob>> ReadJobs(
    SqliteStatement* query);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_STATEMENTS_H_
