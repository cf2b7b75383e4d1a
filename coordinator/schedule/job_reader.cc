#include "coordinator/schedule/job_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/config/job_config.h"
#include "coordinator/store/job_storage_format.h"

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

absl::StatusOr<bool> JobReader::Knows(const std::string& id,
                                      const JobSpec& spec) const {
  std::string known;
  if (const LiveJob* live = jobs_->FindAny(id); live != nullptr) {
    known = live->stored.request;
  } else {
    const absl::StatusOr<StoredJob> stored = store_->Get(id);
    if (absl::IsNotFound(stored.status())) return false;
    HP_RETURN_IF_ERROR(stored.status());
    known = stored->request;
  }
  if (known == DigestOf(spec)) return true;
  return absl::AlreadyExistsError(absl::StrCat(
      "job \"", id, "\" exists with another content: choose another id"));
}

absl::StatusOr<Job> JobReader::Get(const std::string& id) const {
  const LiveJob* live = jobs_->Find(id);
  if (live == nullptr) {
    HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
    stored.job.queue_position = jobs_->queue().Position(id);
    return std::move(stored.job);
  }
  Job job = live->stored.job;
  job.queue_position = jobs_->queue().Position(id);
  return job;
}

absl::StatusOr<Job> JobReader::GetWhole(const std::string& id) const {
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  const absl::StatusOr<std::string> config = store_->Config(id);
  job.config_yaml = config.ok()
                        ? *config
                        : absl::StrCat("# ", config.status().message(), "\n");
  return job;
}

absl::StatusOr<JobPage> JobReader::List(const JobQuery& query) const {
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
      const LiveJob* live = jobs_->Find(row.job.id);
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

absl::StatusOr<std::string> JobReader::ConfigOf(const LiveJob& live) const {
  if (!live.created) return live.stored.job.config_yaml;
  return store_->Config(live.stored.job.id);
}

absl::StatusOr<JobPlan> JobReader::Plan(const std::string& id) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, writes_->FindOrRevive(id));
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
  return plan;
}

absl::StatusOr<const QueuedNeeds*> JobReader::QueuedNeedsOf(
    const std::string& id) {
  if (const QueuedNeeds* known = jobs_->FindNeeds(id); known != nullptr) {
    return known;
  }
  absl::StatusOr<StoredJob> stored;
  std::string text;
  if (const LiveJob* live = jobs_->FindAny(id); live != nullptr) {
    stored = live->stored;
    HP_ASSIGN_OR_RETURN(text, ConfigOf(*live));
  } else if (jobs_->queue().Position(id) > 0) {
    stored = store_->Get(id);
    HP_RETURN_IF_ERROR(stored.status());
    if (stored->is_damaged) return stored->job.error;
    HP_ASSIGN_OR_RETURN(text, store_->Config(id));
  } else {
    return absl::NotFoundError(absl::StrCat("there is no live job ", id));
  }
  HP_ASSIGN_OR_RETURN(const JobConfig config,
                      ParseJobConfig(text, "stored config"));
  return jobs_->KeepNeeds(id,
                          {NeedsOf(config, stored->spec),
                           stored->job.retry_at.value_or(absl::InfinitePast()),
                           stored->job.reason});
}

absl::StatusOr<const JobNeeds*> JobReader::Needs(const std::string& id) {
  HP_ASSIGN_OR_RETURN(const QueuedNeeds* const known, QueuedNeedsOf(id));
  return &known->needs;
}

bool JobReader::KnowsNeeds(const std::string& id) const {
  return jobs_->FindNeeds(id) != nullptr;
}

absl::StatusOr<absl::Time> JobReader::NotBefore(const std::string& id) {
  HP_ASSIGN_OR_RETURN(const QueuedNeeds* const known, QueuedNeedsOf(id));
  return known->not_before;
}

absl::StatusOr<std::vector<JobEvent>> JobReader::Events(const std::string& id,
                                                        int64_t after_cursor,
                                                        int64_t limit) {
  // Whoever follows a job that waits asks again and again.
  if (jobs_->queue().Position(id) > 0) {
    HP_RETURN_IF_ERROR(writes_->FindOrRevive(id).status());
  }
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  if (after_cursor < 0 || after_cursor > job.last_cursor) {
    return absl::OutOfRangeError(
        absl::StrCat("job ", id, " has events up to cursor ", job.last_cursor,
                     "; asked for those after ", after_cursor));
  }
  return store_->Events(id, after_cursor, limit);
}

}  // namespace halfpipe
