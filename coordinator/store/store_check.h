// Whether the job database is what was written.
#ifndef HP_COORDINATOR_STORE_STORE_CHECK_H_
#define HP_COORDINATOR_STORE_STORE_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.h"

namespace halfpipe {

// Has SQLite look at every page and index. DataLoss names the first of what is
// wrong: such a file must not be written to any more. Else SqliteStatement's
// codes. Reads the whole file: about a second for 500 MiB.
[[nodiscard]] absl::Status CheckPages(const SqliteDatabase& database);

// Whether what PrepareSchema makes is all there, and the counters say nothing
// that cannot be. DataLoss.
[[nodiscard]] absl::Status CheckSchema(const SqliteDatabase& database);

// A row that is there and cannot be read, in a file whose pages are whole: a
// disk that returns other bytes than it was given, or somebody's hand.
struct DamagedRow {
  enum class Kind { kJob, kConfig, kEvent };

  Kind kind = Kind::kJob;
  std::string job;  // its id, as far as that can be read
  std::string why;
};

// Every row of a job, its configuration and its events that cannot be read, the
// first `most` of them; also those of jobs that were set aside.
[[nodiscard]] absl::StatusOr<std::vector<DamagedRow>> FindDamagedRows(
    const SqliteDatabase& database, size_t most = 100);

// "job a: why", for people.
[[nodiscard]] std::string ToText(const DamagedRow& row);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_CHECK_H_
