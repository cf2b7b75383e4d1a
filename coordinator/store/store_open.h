// How the job database is opened: what is looked at before anything is served.
#ifndef HP_COORDINATOR_STORE_STORE_OPEN_H_
#define HP_COORDINATOR_STORE_STORE_OPEN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file_lock.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/store_statements.h"

namespace halfpipe {

// A file in the folder, which says whose it is, and the folder itself, so that
// nobody takes it whose lock file was removed.
struct StateFolderLock {
  FileLock file;
  FileLock folder;
};

// Makes the folder where it is missing, and takes it. Unavailable: another
// coordinator has it. PermissionDenied, naming the file: it cannot be written.
[[nodiscard]] absl::StatusOr<StateFolderLock> LockStateFolder(
    const std::string& state_dir);

// Opens or makes the database of a folder that is ours. Codes:
// JobStore::Open's.
[[nodiscard]] absl::StatusOr<std::unique_ptr<StoreStatements>> OpenStore(
    const std::string& state_dir);

// The tables of the job store: makes them where they are missing, and those of
// an older version new, all or none. `path` is for messages.
// FailedPrecondition: a newer version wrote them. DataLoss: another program
// did. Else SqliteStatement::Step's codes.
[[nodiscard]] absl::Status PrepareSchema(SqliteDatabase* database,
                                         const std::string& path);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_OPEN_H_
