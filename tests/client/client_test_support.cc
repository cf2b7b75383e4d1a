#include "client/client_test_support.h"

#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

PrivateDirectory MustCreate() {
  auto directory = PrivateDirectory::Create("halfpipe-test");
  HP_CHECK(directory.ok());
  return *std::move(directory);
}

}  // namespace

TestDirectory::TestDirectory() : directory_(MustCreate()) {}

std::string TestDirectory::Path(const std::string& name) const {
  return absl::StrCat(directory_.path(), "/", name);
}

std::string TestDirectory::Write(const std::string& name,
                                 absl::string_view content) const {
  std::string path = Path(name);
  HP_CHECK(WriteFileAtomically(path, content).ok());
  return path;
}

void TestDirectory::WriteProgram(const std::string& name,
                                 absl::string_view script) const {
  const std::string path =
      Write(name, absl::StrCat("#!/bin/sh\n", script, "\n"));
  HP_CHECK(chmod(path.c_str(), 0755) == 0);
}

std::vector<std::string> Shell(const std::string& script) {
  return {"/bin/sh", "-c", script};
}

bool EventuallyTrue(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (absl::Now() < deadline) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return condition();
}

bool IsRunning(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  if (!std::getline(file, text)) return false;
  return !absl::StrContains(text, ") Z ");
}

std::string ValidJobYaml(const std::string& output_dir) {
  return absl::StrCat(
      "name: Test Job\n"
      "model: {random: {variant: t2v-a14b, layers: 2}}\n"
      "data: {height: 64, width: 64, frames: 5, random: {samples: 2}}\n"
      "train: {steps: 3}\n"
      "output: {dir: ",
      output_dir, "}\n");
}

absl::StatusOr<Job> FakeTrainingClient::Answer(const std::string& call) {
  calls->push_back(call);
  if (!status.ok()) return status;
  return job;
}

absl::StatusOr<Job> FakeTrainingClient::CreateJob(const JobSpec& asked) {
  *spec = asked;
  std::string call = absl::StrCat("create ", asked.id);
  for (const auto& [key, value] : asked.labels) {
    absl::StrAppend(&call, " ", key, "=", value);
  }
  return Answer(call);
}

absl::StatusOr<Job> FakeTrainingClient::GetJob(const std::string& id) {
  return Answer(absl::StrCat("get ", id));
}

absl::StatusOr<JobPage> FakeTrainingClient::ListJobs(const JobQuery& query) {
  std::string call = absl::StrCat("list ", query.page_size);
  for (const JobState state : query.states) {
    absl::StrAppend(&call, " ", JobStateName(state));
  }
  HP_RETURN_IF_ERROR(Answer(call).status());
  // Two pages of one job each.
  const bool first = query.page_token.empty();
  return JobPage{.jobs = {job}, .next_page_token = first ? "more" : ""};
}

absl::Status FakeTrainingClient::WatchJob(
    const Watch& watch, const std::function<bool(const JobEvent&)>& on_event) {
  for (const JobEvent& event : events) {
    if (event.cursor > watch.after_cursor && !on_event(event)) {
      return absl::OkStatus();
    }
  }
  while (hang && !watch.stop.stop_requested()) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  return hang ? absl::CancelledError("stopped") : watch_status;
}

absl::StatusOr<Job> FakeTrainingClient::CancelJob(const std::string& id,
                                                  bool now) {
  return Answer(absl::StrCat("cancel ", id, now ? " now" : ""));
}

absl::StatusOr<Job> FakeTrainingClient::ResumeJob(
    const std::string& id, const ResumeOptions& /*options*/) {
  return Answer(absl::StrCat("resume ", id));
}

absl::StatusOr<Job> FakeTrainingClient::PauseJob(const std::string& id) {
  return Answer(absl::StrCat("pause ", id));
}

absl::StatusOr<Job> FakeTrainingClient::SaveJob(const std::string& id) {
  return Answer(absl::StrCat("save ", id));
}

absl::StatusOr<Job> FakeTrainingClient::DeleteJob(const std::string& id) {
  return Answer(absl::StrCat("delete ", id));
}

absl::StatusOr<std::vector<StepTrace>> FakeTrainingClient::GetTrace(
    const std::string& id, int32_t steps) {
  calls->push_back(absl::StrCat("trace ", id, " ", steps));
  if (!status.ok()) return status;
  return traces;
}

absl::StatusOr<PageTicket> FakeTrainingClient::CreatePageTicket() {
  calls->push_back("page");
  if (!status.ok()) return status;
  return page;
}

absl::StatusOr<ServerInfo> FakeTrainingClient::GetServerInfo() {
  calls->push_back("info");
  if (!status.ok()) return status;
  return info;
}

CliResult RunCli(std::vector<const char*> arguments,
                 const CommandEnvironment& environment) {
  arguments.insert(arguments.begin(), "halfpipe");
  std::ostringstream out;
  std::ostringstream err;
  CliResult result;
  result.code = RunCommandLine(static_cast<int>(arguments.size()),
                               arguments.data(), out, err, environment);
  result.out = out.str();
  result.err = err.str();
  return result;
}

CommandEnvironment ServiceOf(const FakeTrainingClient& client) {
  CommandEnvironment environment;
  environment.connect = [client](const TrainingClientOptions&) {
    return std::make_unique<FakeTrainingClient>(client);
  };
  environment.columns = [] { return std::nullopt; };
  return environment;
}

JobEvent StepEvent(int64_t steps_done, int64_t steps_total, double seconds) {
  StepProgress step;
  step.steps_done = steps_done;
  step.steps_total = steps_total;
  step.loss = 0.5;
  step.smoothed_loss = 0.25;
  step.step_seconds = 1.5;
  step.eta_seconds = 1.5 * static_cast<double>(steps_total - steps_done);
  JobEvent event;
  event.cursor = steps_done;
  event.time = absl::UnixEpoch() + absl::Seconds(1.0 + seconds);
  event.what = step;
  return event;
}

}  // namespace halfpipe
