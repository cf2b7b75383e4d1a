// The book's answers to questions; job_book.cc changes it.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "coordinator/job_book.h"

namespace halfpipe {
namespace {

bool Matches(const Job& job, const JobQuery& query) {
  if (!query.states.empty() &&
      std::find(query.states.begin(), query.states.end(), job.state) ==
          query.states.end()) {
    return false;
  }
  return std::all_of(
      query.labels.begin(), query.labels.end(), [&](const auto& label) {
        auto found = job.labels.find(label.first);
        return found != job.labels.end() && found->second == label.second;
      });
}

}  // namespace

Job JobBook::AsOfNow(const LiveJob& live) const {
  Job job = live.stored.job;
  job.queue_position =
      queue_.PositionOf(job.priority, live.stored.number, job.id);
  return job;
}

absl::StatusOr<Job> JobBook::Get(const std::string& id) const {
  auto found = live_.find(id);
  if (found == live_.end()) {
    HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
    return std::move(stored.job);
  }
  return AsOfNow(found->second);
}

absl::StatusOr<JobPage> JobBook::List(const JobQuery& query) const {
  constexpr int32_t kDefaultPage = 50;
  constexpr int32_t kLargestPage = 500;
  const auto wanted = static_cast<size_t>(
      query.page_size <= 0 ? kDefaultPage
                           : std::min(query.page_size, kLargestPage));
  int64_t before = std::numeric_limits<int64_t>::max();
  if (!query.page_token.empty() &&
      !absl::SimpleAtoi(query.page_token, &before)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "page token \"", query.page_token, "\" is not one of this service"));
  }
  JobPage page;
  while (page.next_page_token.empty()) {
    HP_ASSIGN_OR_RETURN(std::vector<StoredJob> rows,
                        store_->List(before, kDefaultPage, query.states));
    for (const StoredJob& row : rows) {
      before = row.number;
      // What memory knows of a job is newer than its row.
      const auto live = live_.find(row.job.id);
      const Job& known =
          live == live_.end() ? row.job : live->second.stored.job;
      if (!Matches(known, query)) continue;
      HP_ASSIGN_OR_RETURN(Job job, Get(row.job.id));
      job.config_yaml.clear();
      page.jobs.push_back(std::move(job));
      if (page.jobs.size() < wanted) continue;
      page.next_page_token = absl::StrCat(before);
      break;
    }
    if (rows.size() < kDefaultPage) break;
  }
  return page;
}

std::map<std::string, int64_t> JobBook::CountLive() const {
  std::map<std::string, int64_t> counts;
  for (const auto& [state, count] : counts_) {
    if (count > 0) counts[std::string(JobStateName(state))] = count;
  }
  return counts;
}

absl::StatusOr<std::vector<JobEvent>> JobBook::Events(const std::string& id,
                                                      int64_t after_cursor,
                                                      int64_t limit) const {
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  if (after_cursor < 0 || after_cursor > job.last_cursor) {
    return absl::OutOfRangeError(
        absl::StrCat("job ", id, " has events up to cursor ", job.last_cursor,
                     "; asked for those after ", after_cursor));
  }
  return store_->Events(id, after_cursor, limit);
}

}  // namespace halfpipe
