// What the client's tests share: scratch folders, shell children, and a
// service that answers from memory.
#ifndef HP_TESTS_CLIENT_CLIENT_TEST_SUPPORT_H_
#define HP_TESTS_CLIENT_CLIENT_TEST_SUPPORT_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/commands/cli.h"
#include "client/jobs/training_client.h"
#include "client/local/private_directory.h"

namespace halfpipe {

// A folder that goes away with the test.
class TestDirectory {
 public:
  TestDirectory();

  [[nodiscard]] std::string Path(const std::string& name) const;

  // Writes a file and returns its path.
  [[nodiscard]] std::string Write(const std::string& name,
                                  absl::string_view content) const;

  // Writes a shell script that can be executed.
  void WriteProgram(const std::string& name, absl::string_view script) const;

 private:
  PrivateDirectory directory_;
};

// argv that runs a script with /bin/sh.
[[nodiscard]] std::vector<std::string> Shell(const std::string& script);

// Asks every few milliseconds, for at most ten seconds.
[[nodiscard]] bool EventuallyTrue(const std::function<bool()>& condition);

// False for a process that is gone or a zombie nobody has waited for.
[[nodiscard]] bool IsRunning(pid_t pid);

// A job file with nothing wrong in it; needs no files and no GPU.
[[nodiscard]] std::string ValidJobYaml(const std::string& output_dir);

// Useful for following a job without a service: delivers `events`, then waits
// until it is stopped if `hang` is set, and ends.
class FakeTrainingClient : public TrainingClient {
 public:
  absl::StatusOr<Job> CreateJob(const JobSpec& asked) override;
  absl::StatusOr<Job> GetJob(const std::string& id) override;
  absl::StatusOr<JobPage> ListJobs(const JobQuery& query) override;
  absl::Status WatchJob(
      const Watch& watch,
      const std::function<bool(const JobEvent&)>& on_event) override;
  absl::StatusOr<Job> CancelJob(const std::string& id, bool now) override;
  absl::StatusOr<Job> ResumeJob(const std::string& id,
                                const ResumeOptions& options) override;
  absl::StatusOr<Job> PauseJob(const std::string& id) override;
  absl::StatusOr<Job> SaveJob(const std::string& id) override;
  absl::StatusOr<Job> DeleteJob(const std::string& id) override;
  absl::StatusOr<std::vector<StepTrace>> GetTrace(const std::string& id,
                                                  int32_t steps) override;
  absl::StatusOr<PageTicket> CreatePageTicket() override;
  absl::StatusOr<ServerInfo> GetServerInfo() override;

  Job job;
  ServerInfo info;
  // What CreateJob was last given; shared with copies of this client.
  std::shared_ptr<JobSpec> spec = std::make_shared<JobSpec>();
  std::vector<JobEvent> events;
  std::vector<StepTrace> traces;
  PageTicket page;
  bool hang = false;
  absl::Status watch_status;
  absl::Status status;  // of every call but WatchJob
  // "create ID", "cancel ID now", ...; shared with copies of this client.
  std::shared_ptr<std::vector<std::string>> calls =
      std::make_shared<std::vector<std::string>>();

 private:
  absl::StatusOr<Job> Answer(const std::string& call);
};

struct CliResult {
  int code = 0;
  std::string out;
  std::string err;
};

// Runs the command line in this process.
[[nodiscard]] CliResult RunCli(std::vector<const char*> arguments,
                               const CommandEnvironment& environment = {});

// An environment in which every command talks to a copy of `client`.
[[nodiscard]] CommandEnvironment ServiceOf(const FakeTrainingClient& client);

// The step event number `steps_done` of `steps_total`, `seconds` after the
// epoch's first second.
[[nodiscard]] JobEvent StepEvent(int64_t steps_done, int64_t steps_total,
                                 double seconds);

}  // namespace halfpipe

#endif  // HP_TESTS_CLIENT_CLIENT_TEST_SUPPORT_H_
