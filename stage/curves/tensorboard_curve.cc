#include "stage/curves/tensorboard_curve.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "stage/curves/event_message.h"
#include "stage/curves/record_frame.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// TensorBoard looks for "tfevents", and reads a folder's files in the order of
// their names.
constexpr char kEventPrefix[] = "events.out.tfevents.";
constexpr char kEventSuffix[] = ".halfpipe";

std::string EventFileName(int64_t seconds) {
  return absl::StrFormat("%s%010d%s", kEventPrefix, seconds, kEventSuffix);
}

// The seconds in a name; 0: it is not one of ours.
int64_t SecondsOf(absl::string_view name) {
  int64_t seconds = 0;
  if (!absl::ConsumePrefix(&name, kEventPrefix) ||
      !absl::ConsumeSuffix(&name, kEventSuffix) ||
      !absl::SimpleAtoi(name, &seconds)) {
    return 0;
  }
  return std::max<int64_t>(seconds, 0);
}

// Bytes of the whole records before the first one at `key` or behind it.
int64_t RecordBytesBefore(const std::string& path, const CurveKey& key) {
  std::ifstream in(path, std::ios::binary);
  int64_t kept = 0;
  while (const std::optional<std::string> event = ReadRecord(in)) {
    const std::optional<CurveKey> found = KeyOfEvent(*event);
    if (found.has_value() && *found >= key) break;
    kept += static_cast<int64_t>(event->size()) + kRecordFrameBytes;
  }
  return kept;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListEventFiles(
    const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    // A link is somebody else's.
    if (SecondsOf(name) > 0 &&
        fs::is_regular_file(entry.symlink_status(ignored))) {
      names.push_back(name);
    }
  }
  if (error) return FileErrorStatus(error, "cannot list", folder);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status TensorBoardCurve::BeginAt(const CurveRow& row) {
  file_.reset();
  HP_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      ListEventFiles(folder_));
  auto seconds = static_cast<int64_t>(row.unix_seconds);
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder_, "/", name);
    HP_RETURN_IF_ERROR(CutFile(path, RecordBytesBefore(path, row.key)));
    seconds = std::max(seconds, SecondsOf(name) + 1);
  }
  const std::string path = absl::StrCat(folder_, "/", EventFileName(seconds));
  HP_ASSIGN_OR_RETURN(GrowingFile file, GrowingFile::Open(path));
  const absl::Status begun =
      file.Append(FrameRecord(VersionEvent(row.unix_seconds)));
  if (!begun.ok()) {
    unlink(path.c_str());  // or a full disk would get one with every step
    return begun;
  }
  file_.emplace(std::move(file));
  return absl::OkStatus();
}

absl::Status TensorBoardCurve::Write(const CurveRow& row) {
  if (!file_.has_value() || row.key <= last_) {
    HP_RETURN_IF_ERROR(BeginAt(row));
  }
  HP_RETURN_IF_ERROR(file_->Append(FrameRecord(EventOf(row))));
  last_ = row.key;
  return absl::OkStatus();
}

absl::Status TensorBoardCurve::Sync() {
  return file_.has_value() ? file_->Sync() : absl::OkStatus();
}

}  // namespace halfpipe
