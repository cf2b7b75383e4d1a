#include "coordinator/store/store_open.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/store/store_check.h"
#include "coordinator/store/store_copies.h"

namespace halfpipe {
namespace {

// How SQLite writes "auto_vacuum = INCREMENTAL".
constexpr int64_t kIncremental = 2;

// A file of an older version cannot give free pages back before it was written
// anew, once. Without room for that it stays as it is until the next start.
void MakeShrinkable(SqliteDatabase* database) {
  const absl::StatusOr<int64_t> mode = database->Number("PRAGMA auto_vacuum");
  if (mode.ok() && *mode == kIncremental) return;
  if (const absl::Status status =
          database->Execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
      !status.ok()) {
    LogWarning("cannot write the database anew",
               {{"status", status.message()}});
  }
}

absl::StatusOr<std::unique_ptr<StoreStatements>> OpenWhole(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(SqliteDatabase writer, SqliteDatabase::Open(path));
  HP_RETURN_IF_ERROR(CheckPages(writer));
  HP_RETURN_IF_ERROR(PrepareSchema(&writer, path));
  HP_RETURN_IF_ERROR(CheckSchema(writer));
  MakeShrinkable(&writer);
  HP_ASSIGN_OR_RETURN(SqliteDatabase reader, SqliteDatabase::OpenReader(path));
  auto statements =
      std::make_unique<StoreStatements>(std::move(writer), std::move(reader));
  HP_RETURN_IF_ERROR(statements->PrepareAll());
  return statements;
}

// Whether waiting, or another set-up, may mend it; else what is in the file is
// not what this program has written.
bool IsDamagedStore(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInternal(status) ||
         absl::IsAlreadyExists(status);
}

}  // namespace

absl::StatusOr<StateFolderLock> LockStateFolder(const std::string& state_dir) {
  HP_RETURN_IF_ERROR(MakeDirectories(state_dir));
  absl::StatusOr<FileLock> file =
      FileLock::Acquire(absl::StrCat(state_dir, "/halfpipe.lock"));
  absl::StatusOr<FileLock> folder = FileLock::AcquireFolder(state_dir);
  for (const absl::Status& status : {file.status(), folder.status()}) {
    if (absl::IsFailedPrecondition(status)) {
      return absl::UnavailableError(absl::StrCat(
          status.message(),
          ": another halfpipe-coordinator uses this state folder"));
    }
    HP_RETURN_IF_ERROR(status);
  }
  return StateFolderLock{*std::move(file), *std::move(folder)};
}

absl::StatusOr<std::unique_ptr<StoreStatements>> OpenStore(
    const std::string& state_dir) {
  HP_RETURN_IF_ERROR(CheckNotLost(state_dir));
  absl::StatusOr<std::unique_ptr<StoreStatements>> statements =
      OpenWhole(StorePath(state_dir));
  if (IsDamagedStore(statements.status())) {
    return ExplainDamage(statements.status(), state_dir);
  }
  return statements;
}

}  // namespace halfpipe
