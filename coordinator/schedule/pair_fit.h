// Which pairs of stages a job may go to.
#ifndef HP_COORDINATOR_SCHEDULE_PAIR_FIT_H_
#define HP_COORDINATOR_SCHEDULE_PAIR_FIT_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/jobs/stage_protocol.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/schedule/job_placement.h"
#include "coordinator/schedule/stage_registry.h"

namespace halfpipe {

// What a job asks of a pair (job_placement.h), and what was found when it was
// tried on one: that its model does not fit that pair's memory. Not
// thread-safe.
class PairFit {
 public:
  // Pairs that have at least one stage, by name.
  using Pairs = std::vector<std::pair<std::string, std::vector<StageInfo>>>;

  // Both outlive it.
  PairFit(JobBook* book, const StageRegistry* registry)
      : book_(book), registry_(registry) {}

  [[nodiscard]] Pairs PairsNow() const;
  // Why the pair is not for this job; empty: it is, now or when it is whole.
  [[nodiscard]] std::string WhyNotFor(
      const std::string& job, const JobNeeds& needs, const std::string& pair,
      const std::vector<StageInfo>& stages) const;
  // A job whose model does not fit the pair's memory: true if another one may
  // have the room. The pair is not tried again for this job.
  [[nodiscard]] bool MayGoElsewhere(const std::string& job,
                                    const std::string& pair);

  // What was found for a job, or on a pair, counts no more.
  void ForgetJob(const std::string& job) { too_small_.erase(job); }

  void ForgetPair(const std::string& pair);

 private:
  JobBook* const book_;
  const StageRegistry* const registry_;
  // Pairs whose memory a queued job was found not to fit, by job.
  std::map<std::string, std::set<std::string>> too_small_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_PAIR_FIT_H_
