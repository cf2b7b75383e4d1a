// The tables of the job store.
#ifndef HP_COORDINATOR_STORE_STORE_SCHEMA_H_
#define HP_COORDINATOR_STORE_STORE_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "coordinator/store/sqlite.h"

namespace halfpipe {

// Makes the tables where they are missing, and those of an older version new,
// all or none. `path` is for messages. FailedPrecondition: a newer version
// wrote them. DataLoss: another program did. Else SqliteStatement::Step's
// codes.
[[nodiscard]] absl::Status PrepareSchema(SqliteDatabase* database,
                                         const std::string& path);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_SCHEMA_H_
