#include "coordinator/store/store_statements.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"
#include "coordinator/store/job_storage_format.h"

namespace halfpipe {
namespace {

// Of the column for people with the sqlite3 shell.
constexpr size_t kMostNameBytes = 256;

// The stored body is without what has tables of its own.
std::string BodyOf(const Job& job) {
  Job body = job;
  body.checkpoints.clear();
  body.config_yaml.clear();
  body.queue_position = 0;
  return EncodeJob(body);
}

// What is known of a job whose row cannot be read.
Job DamagedJob(const SqliteStatement& row, const absl::Status& why) {
  Job job;
  job.id = ValidText(row.Text(1));
  job.name = ValidText(row.Text(2));
  job.state = JobState::kFailed;
  job.error = Described(absl::DataLossError(absl::StrCat(
      "the record of this job is damaged: ", why.message(),
      ". Its output folder is as it was: submitted again, the job goes on from "
      "there. halfpipe delete ",
      job.id, " removes the record")));
  job.reason = std::string(job.error.message());
  return job;
}

absl::StatusOr<StoredJob> ReadJob(const SqliteStatement& row) {
  StoredJob stored;
  HP_ASSIGN_OR_RETURN(stored.job, DecodeJob(row.Text(3)));
  HP_ASSIGN_OR_RETURN(stored.spec, DecodeJobSpec(row.Text(4)));
  if (stored.job.id != row.Text(1)) {
    return absl::DataLossError("it holds a job of another id");
  }
  return stored;
}

}  // namespace

JobRow RowOf(const Job& job, const std::vector<JobEvent>& events) {
  JobRow row;
  row.id = job.id;
  row.state = std::string(JobStateName(job.state));
  row.ended = HasEnded(job.state) ? 1 : 0;
  row.ended_ms = job.ended.has_value() ? absl::ToUnixMillis(*job.ended) : 0;
  row.body = BodyOf(job);
  row.events.reserve(events.size());
  for (const JobEvent& event : events) {
    row.events.emplace_back(event.cursor, EncodeJobEvent(event));
  }
  return row;
}

JobRow NewRowOf(const StoredJob& stored, const std::vector<JobEvent>& events) {
  JobRow row = RowOf(stored.job, events);
  row.number = stored.number;
  row.name = stored.job.name.substr(0, kMostNameBytes);
  row.priority = stored.job.priority;
  row.spec = EncodeJobSpec(stored.spec);
  row.request = stored.request;
  row.bytes = stored.bytes;
  row.config = ToStoredBytes(stored.job.config_yaml);
  return row;
}

absl::Status StoreStatements::PrepareAll() {
  const std::pair<SqliteStatement*, const char*> writes[] = {
      {&insert_job,
       "INSERT INTO jobs (number, id, name, state, ended, body, spec, "
       "priority, request, bytes, ended_ms) "
       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_config, "INSERT INTO configs VALUES (?, ?)"},
      {&update_job,
       "UPDATE jobs SET state = ?, ended = ?, ended_ms = ?, body = ? "
       "WHERE id = ?"},
      // No state of a job: no query for one finds it.
      {&set_job_aside,
       "UPDATE jobs SET state = 'damaged', ended = 1, ended_ms = ? "
       "WHERE id = ? AND state <> 'damaged'"},
      {&delete_job, "DELETE FROM jobs WHERE id = ?"},
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
      {&get_job,
       "SELECT number, id, name, body, spec, request, bytes FROM jobs "
       "WHERE id = ?"},
      {&get_config,
       "SELECT configs.body FROM jobs JOIN configs "
       "ON configs.number = jobs.number WHERE jobs.id = ?"},
      {&list_jobs,
       "SELECT number, id, name, body, spec, request, bytes FROM jobs "
       "WHERE number < ?1 "
       "AND (?3 = '' OR instr(?3, ' ' || state || ' ') > 0) "
       "ORDER BY number DESC LIMIT ?2"},
      // As their indexes in the schema say, which hold no other jobs.
      {&list_queued,
       "SELECT number, id, priority, bytes FROM jobs WHERE state = 'queued' "
       "ORDER BY priority DESC, number"},
      {&list_under_way,
       "SELECT number, id, name, body, spec, request, bytes FROM jobs "
       "WHERE ended = 0 AND state <> 'queued' ORDER BY number"},
      {&list_ended_before,
       "SELECT id FROM jobs WHERE ended = 1 AND ended_ms < ? "
       "ORDER BY ended_ms, number LIMIT ?"},
      {&list_ended_beyond,
       "SELECT id FROM jobs WHERE ended = 1 ORDER BY ended_ms, number "
       "LIMIT min(?2, max(0, "
       "(SELECT count(*) FROM jobs WHERE ended = 1) - ?1))"},
      {&list_events,
       "SELECT cursor, body FROM events WHERE job = ? AND cursor > ? "
       "ORDER BY cursor LIMIT ?"},
      {&list_checkpoints,
       "SELECT steps_done, directory, time_ms, bytes FROM checkpoints "
       "WHERE job = ? ORDER BY steps_done"},
      {&newest, "SELECT number FROM jobs ORDER BY number DESC LIMIT 1"},
  };
  for (const auto& [statement, sql] : writes) {
    HP_ASSIGN_OR_RETURN(*statement, writer.Prepare(sql));
  }
  for (const auto& [statement, sql] : reads) {
    HP_ASSIGN_OR_RETURN(*statement, reader.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status StoreStatements::Insert(const JobRow& row) {
  insert_job.Bind(1, row.number).Bind(2, row.id).Bind(3, row.name);
  insert_job.Bind(4, row.state).Bind(5, row.ended);
  insert_job.BindBlob(6, row.body).BindBlob(7, row.spec);
  insert_job.Bind(8, row.priority).Bind(9, row.request).Bind(10, row.bytes);
  HP_RETURN_IF_ERROR(insert_job.Bind(11, row.ended_ms).Run());
  insert_config.Bind(1, row.number).BindBlob(2, row.config);
  HP_RETURN_IF_ERROR(insert_config.Run());
  return InsertEvents(row);
}

absl::Status StoreStatements::Update(const JobRow& row) {
  update_job.Bind(1, row.state).Bind(2, row.ended).Bind(3, row.ended_ms);
  HP_RETURN_IF_ERROR(update_job.BindBlob(4, row.body).Bind(5, row.id).Run());
  return InsertEvents(row);
}

absl::Status StoreStatements::InsertEvents(const JobRow& row) {
  for (const auto& [cursor, body] : row.events) {
    insert_event.Bind(1, row.id).Bind(2, cursor);
    HP_RETURN_IF_ERROR(insert_event.BindBlob(3, body).Run());
  }
  return absl::OkStatus();
}

absl::Status StoreStatements::InsertCheckpoint(const std::string& id,
                                               const Checkpoint& checkpoint) {
  insert_checkpoint.Bind(1, id).Bind(2, checkpoint.steps_done);
  insert_checkpoint.Bind(3, checkpoint.directory);
  insert_checkpoint.Bind(4, absl::ToUnixMillis(checkpoint.time));
  return insert_checkpoint.Bind(5, checkpoint.bytes).Run();
}

absl::StatusOr<std::vector<StoredJob>> ReadJobs(SqliteStatement* query) {
  std::vector<StoredJob> jobs;
  while (true) {
    HP_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return jobs;
    absl::StatusOr<StoredJob> read = ReadJob(*query);
    StoredJob stored;
    if (read.ok()) {
      stored = *std::move(read);
    } else {
      stored.job = DamagedJob(*query, read.status());
      stored.is_damaged = true;
    }
    stored.number = query->Int(0);
    stored.request = query->Text(5);
    stored.bytes = query->Int(6);
    jobs.push_back(std::move(stored));
  }
}

}  // namespace halfpipe
