// Copies of the job database, beside it, for the day on which it is damaged.
#ifndef HP_COORDINATOR_STORE_STORE_COPIES_H_
#define HP_COORDINATOR_STORE_STORE_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/store/sqlite.h"

namespace halfpipe {

// How many copies are kept.
inline constexpr size_t kStoreCopies = 7;

// The database of a state folder.
[[nodiscard]] std::string StorePath(const std::string& state_dir);

// A copy, whole: it was checked before it got its name.
struct StoreCopy {
  int64_t number = 0;  // rises with each copy, whatever the clock says
  std::string name;    // in the state folder: backups/halfpipe-NUMBER-TIME.db
  std::string day;     // of TIME, as 2026-12-01
};

// Oldest first. Empty where there are none; files with other names are not
// looked at.
[[nodiscard]] std::vector<StoreCopy> ListStoreCopies(
    const std::string& state_dir);

// Which of these copies, oldest first, makes room for a new one: the oldest of
// those with a later one of the same day, so that many starts of one day do not
// cost the days before it; else the oldest. `copies` is not empty.
[[nodiscard]] size_t CopyToGiveUp(const std::vector<StoreCopy>& copies);

// Copies an open database that was just found whole into the folder's next
// copy, checks that one too, and removes what is then more than kStoreCopies.
// On failure the copies are those that were there before. Codes: SQLite's.
[[nodiscard]] absl::Status CopyStore(const SqliteDatabase& database,
                                     const std::string& state_dir,
                                     absl::Time now);

// DataLoss of a database, with the way back: which copy, and how.
[[nodiscard]] absl::Status ExplainDamage(const absl::Status& damage,
                                         const std::string& state_dir);

// FailedPrecondition, with the way back: there are copies of a database that is
// gone or empty. OK: it is there, or this is a new folder.
[[nodiscard]] absl::Status CheckNotLost(const std::string& state_dir);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_COPIES_H_
