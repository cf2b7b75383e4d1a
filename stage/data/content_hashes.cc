#include "stage/data/content_hashes.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kNanoseconds = 1'000'000'000;

int64_t NowNs() {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kNanoseconds + now.tv_nsec;
}

}  // namespace

ContentHashes::ContentHashes(std::string index_path)
    : index_path_(std::move(index_path)) {
  absl::StatusOr<std::string> text = ReadFile(index_path_);
  if (!text.ok()) return;
  absl::MutexLock lock(&mutex_);
  for (absl::string_view line : absl::StrSplit(*text, '\n')) LoadLine(line);
}

void ContentHashes::LoadLine(absl::string_view line) {
  Json entry = Json::parse(line.begin(), line.end(), nullptr,
                           /*allow_exceptions=*/false);
  if (!entry.is_object()) return;
  try {
    Entry loaded{.stamp = {.size = entry.at("size").get<int64_t>(),
                           .mtime_ns = entry.at("mtime_ns").get<int64_t>(),
                           .inode = entry.at("inode").get<uint64_t>()},
                 .sha256 = entry.at("sha256").get<std::string>()};
    if (loaded.sha256.size() != 64) return;
    entries_[entry.at("path").get<std::string>()] = std::move(loaded);
  } catch (const Json::exception&) {
    // A line of another version: the file is hashed again.
  }
}

absl::StatusOr<ContentHashes::Stamp> ContentHashes::StampOf(
    const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return FileErrnoStatus(errno, "cannot read", path);
  }
  return Stamp{
      .size = info.st_size,
      .mtime_ns = info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec,
      .inode = info.st_ino};
}

absl::StatusOr<std::string> ContentHashes::DigestOf(const std::string& path) {
  std::error_code ignored;
  std::string absolute = fs::absolute(path, ignored).lexically_normal();
  if (fs::is_directory(absolute, ignored)) return DigestOfFolder(absolute);
  return DigestOfFile(absolute);
}

absl::StatusOr<std::string> ContentHashes::DigestOfFile(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(Stamp before, StampOf(path));
  {
    absl::MutexLock lock(&mutex_);
    auto known = entries_.find(path);
    if (known != entries_.end() && known->second.stamp == before) {
      return known->second.sha256;
    }
  }
  HP_ASSIGN_OR_RETURN(std::string digest, Sha256OfFile(path));
  HP_ASSIGN_OR_RETURN(Stamp after, StampOf(path));
  if (!(before == after)) {
    return absl::UnavailableError(
        absl::StrCat(path, " changed while it was read; try again"));
  }
  // A file that changed just now may change again within the clock's grain and
  // keep its stamp: such a digest is right but not remembered.
  if (NowNs() - after.mtime_ns > 2 * kNanoseconds) {
    absl::MutexLock lock(&mutex_);
    entries_[path] = {.stamp = after, .sha256 = digest};
    changed_ = true;
  }
  return digest;
}

absl::StatusOr<std::string> ContentHashes::DigestOfFolder(
    const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator it(path, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->path().filename().string()[0] == '.') {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(ignored)) {
      files.push_back(it->path().string());
    }
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot list ", path, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  Sha256 digest;
  for (const std::string& file : files) {
    HP_ASSIGN_OR_RETURN(std::string content, DigestOfFile(file));
    std::string name = fs::path(file).lexically_relative(path);
    digest.Update(absl::StrCat(name.size(), ":", name, content));
  }
  return digest.HexDigest();
}

absl::Status ContentHashes::Save() {
  absl::MutexLock lock(&mutex_);
  if (!changed_) return absl::OkStatus();
  std::string text;
  for (const auto& [path, entry] : entries_) {
    Json line = {{"path", path},
                 {"size", entry.stamp.size},
                 {"mtime_ns", entry.stamp.mtime_ns},
                 {"inode", entry.stamp.inode},
                 {"sha256", entry.sha256}};
    absl::StrAppend(
        &text, line.dump(-1, ' ', false, Json::error_handler_t::replace), "\n");
  }
  HP_RETURN_IF_ERROR(WriteFileAtomically(index_path_, text));
  changed_ = false;
  return absl::OkStatus();
}

}  // namespace halfpipe
