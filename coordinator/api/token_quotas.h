// How much one token may have of what all share.
#ifndef HP_COORDINATOR_API_TOKEN_QUOTAS_H_
#define HP_COORDINATOR_API_TOKEN_QUOTAS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/config/service_config.h"

namespace halfpipe {

// Counts by the names of tokens. Nobody's name ("": the service asks for no
// token) has no quota. What was queued before this process started counts for
// nobody. Thread-safe.
class TokenQuotas {
 public:
  // Whether the job of this id waits still. May be asked of as many jobs as a
  // token may have.
  using IsQueued = std::function<bool(const std::string& id)>;

  TokenQuotas(const ServiceLimits& limits, IsQueued is_queued)
      : limits_(limits), is_queued_(std::move(is_queued)) {}

  // One watch more. ResourceExhausted: the token has as many as it may; else
  // EndWatch is called for it.
  [[nodiscard]] absl::Status BeginWatch(const std::string& token);
  void EndWatch(const std::string& token);

  // Whether one job more, of so many bytes, may wait. ResourceExhausted, with
  // the limit's key.
  [[nodiscard]] absl::Status CheckJob(const std::string& token, int64_t bytes);
  // It waits.
  void AddJob(const std::string& token, const std::string& id, int64_t bytes);

 private:
  struct Use {
    int64_t watches = 0;
    std::map<std::string, int64_t> jobs;  // bytes by id
    int64_t bytes = 0;
  };

  // Forgets jobs that wait no more.
  void Prune(Use* use) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] bool HasRoom(const Use& use, int64_t bytes) const;

  const ServiceLimits limits_;
  const IsQueued is_queued_;
  absl::Mutex mutex_;
  std::map<std::string, Use> uses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_TOKEN_QUOTAS_H_
