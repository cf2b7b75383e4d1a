#include "coordinator/store/store_copies.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/store/store_check.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "backups";
constexpr char kUnfinished[] = "unfinished.db";

std::string FolderOf(const std::string& state_dir) {
  return absl::StrCat(state_dir, "/", kFolder);
}

// halfpipe-NUMBER-YYYY-MM-DDTHHMMSSZ.db
bool ParseName(absl::string_view name, StoreCopy* copy) {
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, "halfpipe-") ||
      !absl::ConsumeSuffix(&rest, ".db")) {
    return false;
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(rest, absl::MaxSplits('-', 1));
  if (!absl::SimpleAtoi(parts.first, &copy->number)) return false;
  copy->name = absl::StrCat(kFolder, "/", name);
  copy->day = std::string(parts.second.substr(0, 10));
  return copy->day.size() == 10;
}

void Remove(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  if (!error) return;
  LogWarning("cannot remove a copy of the database",
             {{"path", path}, {"error", error.message()}});
}

// A file that SQLite has begun, and what it puts beside one.
void RemoveUnfinished(const std::string& path) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    Remove(absl::StrCat(path, suffix));
  }
}

absl::Status MakeChecked(const SqliteDatabase& database,
                         const std::string& path) {
  HP_RETURN_IF_ERROR(database.CopyTo(path));
  HP_ASSIGN_OR_RETURN(const SqliteDatabase copy,
                      SqliteDatabase::OpenReader(path));
  return Annotate(CheckPages(copy), "the copy");
}

// The commands that put the newest copy in the database's place.
std::string WayBack(const std::string& state_dir) {
  const std::vector<StoreCopy> copies = ListStoreCopies(state_dir);
  if (copies.empty()) {
    return absl::StrCat(
        "There is no copy of it. What can still be read: sqlite3 ",
        StorePath(state_dir), " .recover. To begin with an empty queue: cd ",
        state_dir, " && mkdir -p damaged && mv halfpipe.db* damaged/");
  }
  return absl::StrCat(
      "The newest of ", copies.size(), " copies that were found whole is ",
      copies.back().name,
      ". To go back to it, as the user that runs the service: cd ", state_dir,
      " && mkdir -p damaged && mv halfpipe.db* damaged/ ; cp ",
      copies.back().name,
      " halfpipe.db ; and start the service again. Jobs that came later are "
      "then unknown, but what they trained lies in their output folders: "
      "submitted again, they go on from there");
}

}  // namespace

std::string StorePath(const std::string& state_dir) {
  return absl::StrCat(state_dir, "/halfpipe.db");
}

std::vector<StoreCopy> ListStoreCopies(const std::string& state_dir) {
  std::vector<StoreCopy> copies;
  std::error_code error;
  for (fs::directory_iterator entry(FolderOf(state_dir), error), end;
       !error && entry != end; entry.increment(error)) {
    StoreCopy copy;
    if (ParseName(entry->path().filename().string(), &copy)) {
      copies.push_back(std::move(copy));
    }
  }
  std::sort(copies.begin(), copies.end(),
            [](const StoreCopy& a, const StoreCopy& b) {
              return a.number < b.number;
            });
  return copies;
}

size_t CopyToGiveUp(const std::vector<StoreCopy>& copies) {
  for (size_t i = 0; i + 1 < copies.size(); ++i) {
    if (copies[i].day == copies[i + 1].day) return i;
  }
  return 0;
}

absl::Status CopyStore(const SqliteDatabase& database,
                       const std::string& state_dir, absl::Time now) {
  HP_RETURN_IF_ERROR(MakeDirectories(FolderOf(state_dir)));
  const std::string unfinished =
      absl::StrCat(FolderOf(state_dir), "/", kUnfinished);
  RemoveUnfinished(unfinished);  // of a process that was killed
  if (absl::Status made = MakeChecked(database, unfinished); !made.ok()) {
    RemoveUnfinished(unfinished);
    return made;
  }
  std::vector<StoreCopy> copies = ListStoreCopies(state_dir);
  const int64_t number = copies.empty() ? 1 : copies.back().number + 1;
  const std::string path = absl::StrFormat(
      "%s/halfpipe-%06d-%s.db", FolderOf(state_dir), number,
      absl::FormatTime("%Y-%m-%dT%H%M%SZ", now, absl::UTCTimeZone()));
  std::error_code error;
  fs::rename(unfinished, path, error);
  if (error) {
    RemoveUnfinished(unfinished);
    return absl::UnavailableError(
        absl::StrCat("cannot rename ", unfinished, ": ", error.message()));
  }
  HP_RETURN_IF_ERROR(SyncDirectory(FolderOf(state_dir)));
  for (copies = ListStoreCopies(state_dir); copies.size() > kStoreCopies;) {
    const size_t victim = CopyToGiveUp(copies);
    Remove(absl::StrCat(state_dir, "/", copies[victim].name));
    copies.erase(copies.begin() + static_cast<ptrdiff_t>(victim));
  }
  return absl::OkStatus();
}

absl::Status ExplainDamage(const absl::Status& damage,
                           const std::string& state_dir) {
  return absl::DataLossError(
      absl::StrCat("the job database ", StorePath(state_dir),
                   " is damaged, and is not served: ", damage.message(), ". ",
                   WayBack(state_dir)));
}

absl::Status CheckNotLost(const std::string& state_dir) {
  const std::string path = StorePath(state_dir);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no file: move it out of the way"));
  }
  const bool is_there = fs::exists(status) && fs::file_size(path, error) > 0;
  if (is_there || ListStoreCopies(state_dir).empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the job database ", path,
      " is gone or empty, though there are copies of it. ", WayBack(state_dir),
      ". To begin with an empty queue instead, move ", FolderOf(state_dir),
      " away"));
}

}  // namespace halfpipe
