// The book's answers to questions; job_book.cc changes it.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "coordinator/schedule/job_book.h"

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

absl::StatusOr<Job> JobBook::Get(const std::string& id) const {
  const LiveJob* live = Find(id);
  if (live == nullptr) {
    HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
    stored.job.queue_position = queue_.Position(id);
    return std::move(stored.job);
  }
  Job job = live->stored.job;
  job.queue_position = queue_.Position(id);
  return job;
}

absl::StatusOr<Job> JobBook::GetWhole(const std::string& id) const {
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  const absl::StatusOr<std::string> config = store_->Config(id);
  job.config_yaml = config.ok()
                        ? *config
                        : absl::StrCat("# ", config.status().message(), "\n");
  return job;
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
  while (true) {
    HP_ASSIGN_OR_RETURN(std::vector<StoredJob> rows,
                        store_->List(before, kDefaultPage, query.states));
    for (const StoredJob& row : rows) {
      before = row.number;
      // What memory knows of a job is newer than its row.
      const LiveJob* live = Find(row.job.id);
      if (!Matches(live == nullptr ? row.job : live->stored.job, query)) {
        continue;
      }
      HP_ASSIGN_OR_RETURN(Job job, Get(row.job.id));
      page.jobs.push_back(std::move(job));
      if (page.jobs.size() < wanted) continue;
      page.next_page_token = absl::StrCat(before);
      return page;
    }
    if (rows.size() < kDefaultPage) return page;
  }
}

absl::StatusOr<JobPlan> JobBook::Plan(const std::string& id) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, FindOrRevive(id));
  const StoredJob& stored = live->stored;
  HP_ASSIGN_OR_RETURN(const std::string config, ConfigOf(*live));
  JobPlan plan;
  plan.id = id;
  plan.kind = stored.job.kind;
  HP_ASSIGN_OR_RETURN(plan.config, ParseJobConfig(config, "stored config"));
  plan.config_yaml = config;
  plan.config_digest = stored.job.config_digest;
  plan.record_dir = stored.spec.record_dir;
  plan.join_timeout = stored.spec.join_timeout;
  plan.replace = stored.job.replace;
  plan.accept_data = stored.job.accept_data;
  plan.quick = stored.spec.quick;
  plan.last_epoch = Epoch(stored.job.epoch);
  plan.last_step = stored.job.last_step;
  return plan;
}

absl::StatusOr<const JobNeeds*> JobBook::Needs(const std::string& id) {
  if (const auto known = known_.find(id); known != known_.end()) {
    return &known->second.needs;
  }
  absl::StatusOr<StoredJob> stored;
  std::string text;
  if (const auto found = live_.find(id); found != live_.end()) {
    stored = found->second.stored;
    HP_ASSIGN_OR_RETURN(text, ConfigOf(found->second));
  } else if (queue_.Position(id) > 0) {
    stored = store_->Get(id);
    HP_RETURN_IF_ERROR(stored.status());
    if (stored->is_damaged) return stored->job.error;
    HP_ASSIGN_OR_RETURN(text, store_->Config(id));
  } else {
    return absl::NotFoundError(absl::StrCat("there is no live job ", id));
  }
  HP_ASSIGN_OR_RETURN(const JobConfig config,
                      ParseJobConfig(text, "stored config"));
  Known& known = known_[id];
  known.needs = NeedsOf(config, stored->spec);
  known.not_before = stored->job.retry_at.value_or(absl::InfinitePast());
  known.reason = stored->job.reason;
  return &known.needs;
}

absl::StatusOr<absl::Time> JobBook::NotBefore(const std::string& id) {
  HP_RETURN_IF_ERROR(Needs(id).status());
  return known_.at(id).not_before;
}

absl::StatusOr<std::vector<JobEvent>> JobBook::Events(const std::string& id,
                                                      int64_t after_cursor,
                                                      int64_t limit) {
  // Whoever follows a job that waits asks again and again.
  if (queue_.Position(id) > 0) {
    HP_RETURN_IF_ERROR(FindOrRevive(id).status());
  }
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  if (after_cursor < 0 || after_cursor > job.last_cursor) {
    return absl::OutOfRangeError(
        absl::StrCat("job ", id, " has events up to cursor ", job.last_cursor,
                     "; asked for those after ", after_cursor));
  }
  return store_->Events(id, after_cursor, limit);
}

JobBook::WriteState JobBook::StateOfWrites(const std::string& id) const {
  WriteState state;
  auto found = live_.find(id);
  if (found == live_.end()) {
    state.cursor = std::numeric_limits<int64_t>::max();
    state.tried_all = true;
    return state;
  }
  const LiveJob& live = found->second;
  state.cursor = live.written_cursor;
  state.ticket = live.ticket;
  state.last = live.last_write;
  state.tried_all = live.ticket == nullptr && !live.urgent;
  return state;
}

}  // namespace halfpipe
