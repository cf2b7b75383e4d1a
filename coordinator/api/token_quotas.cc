#include "coordinator/api/token_quotas.h"

#include "absl/strings/str_cat.h"

namespace halfpipe {

absl::Status TokenQuotas::BeginWatch(const std::string& token) {
  if (token.empty()) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  int64_t& watches = uses_[token].watches;
  if (watches >= limits_.watches_per_token) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the token ", token, " has ", watches,
                     " watches already, which is what one may have "
                     "(limits.watches_per_token): end one of them first"));
  }
  ++watches;
  return absl::OkStatus();
}

void TokenQuotas::EndWatch(const std::string& token) {
  if (token.empty()) return;
  const absl::MutexLock lock(&mutex_);
  --uses_[token].watches;
}

absl::Status TokenQuotas::CheckJob(const std::string& token, int64_t bytes) {
  if (token.empty()) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  Use& use = uses_[token];
  if (HasRoom(use, bytes)) return absl::OkStatus();
  Prune(&use);
  if (HasRoom(use, bytes)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the token ", token, " has ", use.jobs.size(), " waiting jobs of ",
      use.bytes, " bytes; with one of ", bytes,
      " bytes more it would have more than one may have "
      "(limits.queued_jobs_per_token, limits.queued_bytes_per_token)"));
}

void TokenQuotas::AddJob(const std::string& token, const std::string& id,
                         int64_t bytes) {
  if (token.empty()) return;
  const absl::MutexLock lock(&mutex_);
  Use& use = uses_[token];
  if (use.jobs.emplace(id, bytes).second) use.bytes += bytes;
}

void TokenQuotas::Prune(Use* use) {
  for (auto job = use->jobs.begin(); job != use->jobs.end();) {
    if (is_queued_(job->first)) {
      ++job;
      continue;
    }
    use->bytes -= job->second;
    job = use->jobs.erase(job);
  }
}

bool TokenQuotas::HasRoom(const Use& use, int64_t bytes) const {
  return static_cast<int64_t>(use.jobs.size()) <
             limits_.queued_jobs_per_token &&
         use.bytes + bytes <= limits_.queued_bytes_per_token;
}

}  // namespace halfpipe
