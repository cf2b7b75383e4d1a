#include "common/auth/token_book.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);

}  // namespace

absl::StatusOr<TokenBook::Stamp> TokenBook::StampOf(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot look at the tokens file ", path));
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "everybody may write to the tokens file ", path,
        " and so let themselves in: chmod o-w it, and see who did"));
  }
  return Stamp{info.st_ino, info.st_size,
               absl::ToUnixNanos(absl::TimeFromTimespec(info.st_ctim))};
}

absl::StatusOr<TokenBook::Content> TokenBook::Read(const std::string& path) {
  Content content;
  HP_ASSIGN_OR_RETURN(content.stamp, StampOf(path));
  HP_ASSIGN_OR_RETURN(content.entries, ReadTokenFile(path));
  return content;
}

absl::StatusOr<std::unique_ptr<TokenBook>> TokenBook::Open(
    const std::string& path) {
  absl::StatusOr<Content> content = Read(path);
  if (absl::IsNotFound(content.status())) {
    return absl::NotFoundError(absl::StrCat(
        "the tokens file ", path,
        " does not exist: make its first token with halfpipe-coordinator token "
        "add --tokens ",
        path, " --role admin --name NAME"));
  }
  if (!content.ok()) return content.status();
  if (content->entries.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the tokens file ", path,
                     " has no token, so nobody could get in: make one with "
                     "halfpipe-coordinator token add --tokens ",
                     path, " --role admin --name NAME"));
  }
  return std::unique_ptr<TokenBook>(new TokenBook(path, *std::move(content)));
}

TokenBook::TokenBook(std::string path, Content content)
    : path_(std::move(path)),
      content_(std::move(content)),
      next_look_(SteadyNow() + kLookInterval) {}

std::optional<Identity> TokenBook::Find(absl::string_view token) {
  const absl::MutexLock lock(&mutex_);
  if (SteadyNow() >= next_look_) Refresh();
  const TokenEntry* entry = FindToken(content_.entries, token);
  if (entry == nullptr) return std::nullopt;
  return entry->identity;
}

bool TokenBook::IsPerson(absl::string_view token) {
  const std::optional<Identity> identity = Find(token);
  return identity.has_value() && identity->role != Role::kStage;
}

bool TokenBook::IsPersonNamed(absl::string_view name) {
  const absl::MutexLock lock(&mutex_);
  if (SteadyNow() >= next_look_) Refresh();
  return std::any_of(content_.entries.begin(), content_.entries.end(),
                     [&](const TokenEntry& entry) {
                       return entry.identity.name == name &&
                              entry.identity.role != Role::kStage;
                     });
}

void TokenBook::Refresh() {
  next_look_ = SteadyNow() + kLookInterval;
  absl::StatusOr<Stamp> stamp = StampOf(path_);
  if (stamp.ok() && *stamp == content_.stamp) {
    broken_ = false;
    return;
  }
  (void)ReadAgain();  // has said why it cannot be read
}

absl::Status TokenBook::Reload() {
  const absl::MutexLock lock(&mutex_);
  next_look_ = SteadyNow() + kLookInterval;
  return ReadAgain();
}

absl::Status TokenBook::ReadAgain() {
  absl::StatusOr<Content> fresh = Read(path_);
  if (!fresh.ok()) {
    if (!std::exchange(broken_, true)) {
      LogError("the tokens file cannot be read; the tokens from before stay",
               {{"reason", fresh.status().message()}});
    }
    return fresh.status();
  }
  broken_ = false;
  content_ = *std::move(fresh);
  LogInfo("tokens read again", {{"tokens", content_.entries.size()}});
  return absl::OkStatus();
}

}  // namespace halfpipe
