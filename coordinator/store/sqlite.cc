#include "coordinator/store/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "common/base/disk_full.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::Status SqliteStatus(sqlite3* database, int code, absl::string_view what) {
  const char* file = sqlite3_db_filename(database, "main");
  const std::string message =
      absl::StrCat("database ", file == nullptr ? "" : file, ": ", what, ": ",
                   sqlite3_errmsg(database));
  switch (code & 0xff) {
    case SQLITE_FULL: {
      absl::Status full = absl::ResourceExhaustedError(message);
      MarkDiskFull(&full);
      return full;
    }
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace

void SqliteStatement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement& SqliteStatement::Bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

SqliteStatement& SqliteStatement::Bind(int index, absl::string_view value) {
  sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(int index, absl::string_view value) {
  sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size(),
                      SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    Reset();
    return false;
  }
  absl::Status status = SqliteStatus(sqlite3_db_handle(statement_.get()), code,
                                     sqlite3_sql(statement_.get()));
  Reset();
  return status;
}

absl::Status SqliteStatement::Run() {
  HP_ASSIGN_OR_RETURN(bool row, Step());
  if (row) Reset();
  return absl::OkStatus();
}

void SqliteStatement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return "";
  return std::string(static_cast<const char*>(bytes),
                     static_cast<size_t>(size));
}

void SqliteDatabase::Closer::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::OpenWith(const std::string& path,
                                                        int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  SqliteDatabase database;
  database.database_.reset(raw);
  if (code != SQLITE_OK) {
    return absl::UnavailableError(
        absl::StrCat("cannot open the database ", path, ": ",
                     raw == nullptr ? "out of memory" : sqlite3_errmsg(raw)));
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 1000);
  return database;
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path) {
  HP_ASSIGN_OR_RETURN(
      SqliteDatabase database,
      OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  // SQLite then opens it to be read, and fails at the first change.
  if (sqlite3_db_readonly(database.database_.get(), "main") == 1) {
    return absl::PermissionDeniedError(
        absl::StrCat("the database ", path, " cannot be written"));
  }
  HP_RETURN_IF_ERROR(
      database.Execute("PRAGMA auto_vacuum = INCREMENTAL;"
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON;"
                       "PRAGMA journal_size_limit = 67108864;"));
  return database;
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::OpenReader(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(SqliteDatabase database,
                      OpenWith(path, SQLITE_OPEN_READWRITE));
  HP_RETURN_IF_ERROR(database.Execute("PRAGMA query_only = ON"));
  return database;
}

absl::Status SqliteDatabase::CopyTo(const std::string& path) const {
  HP_ASSIGN_OR_RETURN(
      SqliteDatabase copy,
      OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  sqlite3_backup* backup = sqlite3_backup_init(copy.database_.get(), "main",
                                               database_.get(), "main");
  if (backup == nullptr) {
    return SqliteStatus(copy.database_.get(),
                        sqlite3_errcode(copy.database_.get()), "copy");
  }
  // In one go: writers only lengthen the log meanwhile.
  const int code = sqlite3_backup_step(backup, /*pages=*/-1);
  (void)sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) {
    return SqliteStatus(copy.database_.get(), code, "copy");
  }
  return copy.Execute("PRAGMA journal_mode = DELETE");
}

bool SqliteDatabase::InTransaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

void SqliteDatabase::ObserveLog(LogObserver observer) {
  log_observer_ = std::make_unique<LogObserver>(std::move(observer));
  sqlite3_wal_hook(
      database_.get(),
      [](void* log_observer, sqlite3*, const char*, int pages) {
        (*static_cast<LogObserver*>(log_observer))(pages);
        return SQLITE_OK;
      },
      log_observer_.get());
}

absl::Status SqliteDatabase::CheckpointLog() {
  const int code = sqlite3_wal_checkpoint_v2(
      database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // Another connection does just that.
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) {
    return absl::OkStatus();
  }
  return SqliteStatus(database_.get(), code, "checkpoint of the log");
}

absl::Status SqliteDatabase::Execute(const std::string& sql) {
  const int code =
      sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return SqliteStatus(database_.get(), code, sql);
}

absl::StatusOr<int64_t> SqliteDatabase::Number(absl::string_view sql) const {
  HP_ASSIGN_OR_RETURN(SqliteStatement query, Prepare(sql));
  HP_ASSIGN_OR_RETURN(const bool row, query.Step());
  return row ? query.Int(0) : 0;
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(
    absl::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(),
                                      static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return SqliteStatus(database_.get(), code, sql);
  SqliteStatement statement;
  statement.statement_.reset(raw);
  return statement;
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::Begin(
    SqliteDatabase* database) {
  HP_RETURN_IF_ERROR(database->Execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
  if (database_ == nullptr || !database_->InTransaction()) return;
  if (absl::Status status = database_->Execute("ROLLBACK"); !status.ok()) {
    LogError("rollback failed", {{"status", status.message()}});
  }
}

absl::Status SqliteTransaction::Commit() {
  HP_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace halfpipe
