// halfpipe list: the service's jobs, newest first.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/commands/command.h"
#include "client/commands/job_table.h"
#include "client/jobs/job_json.h"

namespace halfpipe {
namespace {

struct ListOptions {
  ServiceFlags service;
  std::vector<std::string> states;
  std::vector<std::string> labels;
  int64_t limit = 50;
  bool all = false;
};

struct Listed {
  std::vector<Job> jobs;
  bool more = false;  // than the limit allows
};

constexpr JobState kStates[] = {JobState::kQueued,     JobState::kPreparing,
                                JobState::kRunning,    JobState::kSaving,
                                JobState::kPausing,    JobState::kPaused,
                                JobState::kCancelling, JobState::kDone,
                                JobState::kFailed,     JobState::kCancelled};

std::vector<std::string> StateNames() {
  std::vector<std::string> names;
  for (const JobState state : kStates) {
    names.emplace_back(JobStateName(state));
  }
  return names;
}

JobQuery QueryFor(const ListOptions& options) {
  JobQuery query;
  for (const std::string& name : options.states) {
    query.states.push_back(*ParseJobState(name));  // checked by the parser
  }
  query.labels = ParseLabels(options.labels);
  return query;
}

absl::StatusOr<Listed> FetchJobs(TrainingClient& client, JobQuery query,
                                 int64_t limit) {
  constexpr int64_t kLargestPage = 200;
  Listed listed;
  std::vector<Job>& jobs = listed.jobs;
  do {
    const int64_t missing = limit - static_cast<int64_t>(jobs.size());
    query.page_size = static_cast<int32_t>(std::min(missing, kLargestPage));
    HP_ASSIGN_OR_RETURN(JobPage page, client.ListJobs(query));
    jobs.insert(jobs.end(), page.jobs.begin(), page.jobs.end());
    query.page_token = page.next_page_token;
  } while (!query.page_token.empty() &&
           static_cast<int64_t>(jobs.size()) < limit);
  listed.more = !query.page_token.empty();
  return listed;
}

absl::StatusOr<ExitCode> List(const ListOptions& options,
                              CommandContext& context) {
  const auto client = Connect(options.service, context);
  const int64_t limit =
      options.all ? std::numeric_limits<int64_t>::max() : options.limit;
  HP_ASSIGN_OR_RETURN(const Listed listed,
                      FetchJobs(*client, QueryFor(options), limit));
  const std::vector<Job>& jobs = listed.jobs;
  if (options.service.format == OutputFormat::kJson) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const Job& job : jobs) json.push_back(ToJson(job));
    context.out << JsonText(json, 2) << "\n";
  } else {
    context.out << JobTable(jobs, absl::Now(), context.environment.columns());
  }
  if (listed.more) {
    context.err << "halfpipe: there are more jobs than these " << jobs.size()
                << ": --all lists every one\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void AddListCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("list", "List jobs, newest first");
  command
      ->add_option("--state", options->states,
                   "Only jobs in this state; may be repeated")
      ->check(CLI::IsMember(StateNames()));
  AddLabelFlag(command, "Only jobs with this label; may be repeated",
               &options->labels);
  command->add_option("--limit", options->limit, "Most jobs to list")
      ->check(PositiveCheck())
      ->capture_default_str();
  command->add_flag("--all", options->all, "List every job, however many");
  AddServiceFlags(command, &options->service);
  SetAction(command, context, options, List);
}

}  // namespace halfpipe
