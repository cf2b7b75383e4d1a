// SQLite with statuses and destructors.
#ifndef HP_COORDINATOR_STORE_SQLITE_H_
#define HP_COORDINATOR_STORE_SQLITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace halfpipe {

// A prepared statement. Bind (from 1), then Step until it returns false; it is
// reset by then and may be bound again. Not thread-safe.
class SqliteStatement {
 public:
  SqliteStatement() = default;

  SqliteStatement& Bind(int index, int64_t value);
  SqliteStatement& Bind(int index, absl::string_view value);
  SqliteStatement& BindBlob(int index, absl::string_view value);

  // True: a row is there to read. False: there are no more. Codes:
  // ResourceExhausted disk full, AlreadyExists a key is taken, DataLoss the
  // file is no intact database, Unavailable it is locked or cannot be written.
  [[nodiscard]] absl::StatusOr<bool> Step();
  // For a statement without rows.
  [[nodiscard]] absl::Status Run();
  // Makes the statement usable again when its rows were not read to the end.
  void Reset();

  // A column of the present row, from 0.
  [[nodiscard]] int64_t Int(int column) const;
  [[nodiscard]] std::string Text(int column) const;

 private:
  friend class SqliteDatabase;

  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

// A database file. Not thread-safe. Statements must be gone before it.
class SqliteDatabase {
 public:
  // Creates the file when it is missing; write-ahead log, and every commit is
  // on the disk when Run returns. Pages that are free can be given back
  // (PRAGMA incremental_vacuum), and a log that was long becomes short again.
  // Unavailable: it cannot be opened, or another connection is writing.
  // PermissionDenied: it cannot be written. DataLoss: it is no database, or a
  // broken one.
  [[nodiscard]] static absl::StatusOr<SqliteDatabase> Open(
      const std::string& path);
  // A second connection to an open one's file, for queries only. It sees what
  // is committed, and neither of them waits for the other.
  [[nodiscard]] static absl::StatusOr<SqliteDatabase> OpenReader(
      const std::string& path);

  // Writes what is committed to `path`, a new file that needs no log beside it,
  // and syncs it. Others may write meanwhile. On failure some of it may be
  // there.
  [[nodiscard]] absl::Status CopyTo(const std::string& path) const;

  [[nodiscard]] absl::Status Execute(const std::string& sql);
  // The number that a query without parameters gives in its first row; 0: it
  // has none.
  [[nodiscard]] absl::StatusOr<int64_t> Number(absl::string_view sql) const;
  [[nodiscard]] absl::StatusOr<SqliteStatement> Prepare(
      absl::string_view sql) const;
  [[nodiscard]] bool InTransaction() const;

  // From now on tells `observer` after each commit how many pages the
  // write-ahead log holds. SQLite's own checkpoints, which the commit that
  // fills a thousand pages waits for, are no longer made: call CheckpointLog.
  using LogObserver = std::function<void(int64_t pages)>;
  void ObserveLog(LogObserver observer);
  // Copies as much of the log into the database as can be without waiting for
  // another connection. Where that was all of it, the next commit begins the
  // log anew.
  [[nodiscard]] absl::Status CheckpointLog();

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };

  [[nodiscard]] static absl::StatusOr<SqliteDatabase> OpenWith(
      const std::string& path, int flags);

  // Before the connection, which calls it.
  std::unique_ptr<LogObserver> log_observer_;
  std::unique_ptr<sqlite3, Closer> database_;
};

// BEGIN IMMEDIATE now; ROLLBACK unless Commit succeeded or SQLite did it, as it
// does when the disk is full.
class SqliteTransaction {
 public:
  [[nodiscard]] static absl::StatusOr<SqliteTransaction> Begin(
      SqliteDatabase* database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  [[nodiscard]] absl::Status Commit();

 private:
  explicit SqliteTransaction(SqliteDatabase* database) : database_(database) {}

  SqliteDatabase* database_;  // nullptr once it is over
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_SQLITE_H_
