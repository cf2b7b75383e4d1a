// A whole halfpipe service on this machine for the life of one command:
// coordinator and stages as supervised children. `run` and `bench` use it.
#ifndef HP_CLIENT_LOCAL_LOCAL_SERVICE_H_
#define HP_CLIENT_LOCAL_LOCAL_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/jobs/training_client.h"
#include "client/local/private_directory.h"
#include "client/local/stage_watch.h"
#include "client/local/supervisor.h"
#include "common/config/job_config.h"

namespace halfpipe {

// Where the page of `run` is. Next to a service's own 9700, so that both can
// run, and always the same, so that a tunnel to it can be a habit.
inline constexpr char kPageAddress[] = "127.0.0.1:9707";

struct LocalServiceOptions {
  std::string program_dir;  // holds halfpipe-coordinator, halfpipe-stage0, ...
  std::string state_dir;    // the coordinator's database; created
  std::string log_dir;      // one file a process; created
  // Of the coordinator's metrics and page. If the port is taken, also when the
  // coordinator is started again, it is another one.
  std::string page_address = "127.0.0.1:0";
  int64_t stages = 2;
  DeviceType device = DeviceType::kAuto;
  std::string log_level = "info";
  absl::Duration start_timeout = absl::Seconds(20);  // of the coordinator
  absl::Duration join_timeout = absl::Seconds(60);   // of the stages
  ChildRestartPolicy restart;
  // One line for people whenever a process is restarted.
  std::function<void(const std::string&)> on_notice;
};

// Owns the processes and the client. They talk over a Unix socket in a private
// folder, so that no port can be taken and no other user can connect; metrics
// are served on ephemeral loopback ports, which the logs name. The page, beside
// the coordinator's metrics, asks for a ticket of client().CreatePageTicket().
//
// Thread rule: one thread (see Supervisor), which calls Poll a few times a
// second; client() may be used from any.
class LocalService {
 public:
  // Starts the processes and returns once the coordinator answers. Codes: as
  // Supervisor::Poll, and Internal when it does not answer in time, with the
  // tail of its log.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<LocalService>> Start(
      const LocalServiceOptions& options);
  LocalService(const LocalService&) = delete;
  LocalService& operator=(const LocalService&) = delete;
  // Kills what still runs.
  ~LocalService() = default;

  [[nodiscard]] TrainingClient& client() { return *client_; }

  // Supervises, and kills a stage that hangs (see StageWatch) so that it is
  // started again. FailedPrecondition when a stage has not joined in time at
  // the start, with its rank and the tail of its log; else as
  // Supervisor::Poll. May block for half a second.
  [[nodiscard]] absl::Status Poll();

  // The job got further than it ever was; see Supervisor::NoteProgress.
  void NoteProgress() { supervisor_.NoteProgress(); }

  // SIGTERM to all, SIGKILL after a few seconds.
  void Stop();

  // SIGKILL to all.
  void Kill();

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  LocalService(LocalServiceOptions options, PrivateDirectory socket_dir);

  // Name and log; an earlier command's log becomes NAME.log.1.
  [[nodiscard]] ChildSpec ChildSpecFor(const std::string& name) const;
  [[nodiscard]] absl::Status StartCoordinator();
  [[nodiscard]] absl::Status StartStage(int64_t rank);
  [[nodiscard]] absl::Status WaitForCoordinator();
  [[nodiscard]] absl::Status CheckStages();
  // Who has each rank's place; nullopt when the coordinator does not say.
  using Holders = std::vector<std::optional<int64_t>>;
  [[nodiscard]] std::optional<Holders> AskHolders();
  void KillHungStages(const std::optional<Holders>& holders, absl::Time now);
  [[nodiscard]] std::string MissingStages(
      const std::optional<Holders>& holders) const;
  [[nodiscard]] std::string ProgramPath(const std::string& name) const;
  [[nodiscard]] std::string LogPath(const std::string& name) const;

  LocalServiceOptions options_;
  PrivateDirectory socket_dir_;  // outlives the processes
  std::string address_;
  Supervisor supervisor_;
  std::unique_ptr<TrainingClient> client_;
  std::unique_ptr<TrainingClient> probe_;  // gives up soon: the loop goes on
  absl::Time join_deadline_;
  absl::Time next_check_;
  bool joined_ = false;              // all stages were there at once
  std::vector<StageWatch> watches_;  // by rank
};

// The folder that this program's file lies in: its siblings are there.
[[nodiscard]] absl::StatusOr<std::string> OwnProgramDirectory();

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_LOCAL_SERVICE_H_
