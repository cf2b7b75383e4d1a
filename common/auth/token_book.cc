#include "common/auth/token_book.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/digest.h"
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
  HP_ASSIGN_OR_RETURN(const std::string text, ReadTokenText(path));
  HP_ASSIGN_OR_RETURN(content.entries, ParseTokens(text, path));
  content.text_digest = Sha256Hex(text);
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
  return FindDigest(Sha256Hex(token));
}

std::optional<Identity> TokenBook::FindDigest(absl::string_view digest) {
  const absl::MutexLock lock(&mutex_);
  RefreshIfDue();
  const TokenEntry* entry = halfpipe::FindDigest(content_.entries, digest);
  if (entry == nullptr) return std::nullopt;
  return entry->identity;
}

bool TokenBook::IsPerson(absl::string_view token) {
  const std::optional<Identity> identity = Find(token);
  // HTTP asks for no certificate: a token that counts with one does not here.
  return identity.has_value() && identity->role != Role::kStage &&
         identity->certificate.empty();
}

void TokenBook::Look() {
  const absl::MutexLock lock(&mutex_);
  RefreshIfDue();
}

absl::Status TokenBook::Reload() {
  const absl::MutexLock lock(&mutex_);
  next_look_ = SteadyNow() + kLookInterval;
  return ReadAgain();
}

std::string TokenBook::Problem() {
  const absl::MutexLock lock(&mutex_);
  RefreshIfDue();
  return problem_;
}

std::string TokenBook::TextDigest() {
  const absl::MutexLock lock(&mutex_);
  return content_.text_digest;
}

int64_t TokenBook::version() {
  const absl::MutexLock lock(&mutex_);
  return version_;
}

void TokenBook::RefreshIfDue() {
  if (SteadyNow() < next_look_) return;
  next_look_ = SteadyNow() + kLookInterval;
  const absl::StatusOr<Stamp> stamp = StampOf(path_);
  // A broken file may be mended without a new stamp, as by a mount.
  if (stamp.ok() && *stamp == content_.stamp && problem_.empty()) return;
  (void)ReadAgain();  // has said why it cannot be read
}

absl::Status TokenBook::ReadAgain() {
  absl::StatusOr<Content> fresh = Read(path_);
  if (!fresh.ok()) {
    const std::string problem(fresh.status().message());
    if (problem != problem_) {
      LogError("the tokens file cannot be read; the old tokens remain valid",
               {{"reason", problem}});
    }
    problem_ = problem;
    return fresh.status();
  }
  const bool is_other = fresh->text_digest != content_.text_digest;
  if (is_other || !problem_.empty()) {
    LogInfo("tokens read again", {{"tokens", fresh->entries.size()}});
  }
  problem_.clear();
  content_ = *std::move(fresh);
  if (is_other) ++version_;
  return absl::OkStatus();
}

}  // namespace halfpipe
