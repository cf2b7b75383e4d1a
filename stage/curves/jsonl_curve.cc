#include "stage/curves/jsonl_curve.h"

#include <cstdint>
#include <fstream>

#include "common/base/status.h"

namespace halfpipe {
namespace {

// Bytes up to the last row before `key`. A line that is no row stays where a
// row that does stands behind it.
int64_t BytesBefore(const std::string& path, const CurveKey& key) {
  std::ifstream in(path, std::ios::binary);
  int64_t kept = 0;
  int64_t at = 0;
  std::string line;
  while (std::getline(in, line)) {
    if (in.eof()) break;  // half written: it has no newline
    at += static_cast<int64_t>(line.size()) + 1;
    const std::optional<CurveKey> found = KeyOfLine(line);
    if (!found.has_value()) continue;
    if (*found >= key) break;
    kept = at;
  }
  return kept;
}

}  // namespace

absl::Status JsonlCurve::BeginAt(const CurveKey& key) {
  file_.reset();
  // Opened first: what is no file of its own is neither read nor cut.
  HP_ASSIGN_OR_RETURN(GrowingFile file, GrowingFile::Open(path_));
  HP_RETURN_IF_ERROR(CutFile(path_, BytesBefore(path_, key)));
  file_.emplace(std::move(file));
  return absl::OkStatus();
}

absl::Status JsonlCurve::Write(const CurveRow& row) {
  if (!file_.has_value() || row.key <= last_) {
    HP_RETURN_IF_ERROR(BeginAt(row.key));
  }
  HP_RETURN_IF_ERROR(file_->Append(JsonLineOf(row)));
  last_ = row.key;
  return absl::OkStatus();
}

absl::Status JsonlCurve::Sync() {
  return file_.has_value() ? file_->Sync() : absl::OkStatus();
}

}  // namespace halfpipe
