#include "client/local/local_service.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(10);
constexpr absl::Duration kProbeTimeout = absl::Milliseconds(500);
constexpr absl::Duration kCheckInterval = absl::Milliseconds(500);

// A program that cannot be started is a broken installation, whatever errno
// says: not the user's input, and not a refusal by a service.
absl::Status AsInternal(const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InternalError(status.message());
}

std::string StageName(int64_t rank) { return absl::StrCat("stage", rank); }

// Which GPU a rank takes: the stages get one each, in order.
std::string DeviceFlag(DeviceType device, int64_t rank) {
  switch (device) {
    case DeviceType::kCpu:
      return "cpu";
    case DeviceType::kCuda:
      return absl::StrCat("cuda:", rank);
    case DeviceType::kAuto:
      break;
  }
  return "auto";
}

}  // namespace

absl::StatusOr<std::string> OwnProgramDirectory() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("cannot read /proc/self/exe: ", error.message()));
  }
  return path.parent_path().string();
}

LocalService::LocalService(LocalServiceOptions options,
                           PrivateDirectory socket_dir)
    : options_(std::move(options)),
      socket_dir_(std::move(socket_dir)),
      address_(absl::StrCat("unix:", socket_dir_.path(), "/coordinator.sock")),
      supervisor_(options_.restart, options_.on_notice),
      client_(NewTrainingClient({.address = address_, .is_starting = true})),
      probe_(NewTrainingClient({.address = address_,
                                .call_timeout = kProbeTimeout,
                                .is_starting = true})),
      watches_(static_cast<size_t>(options_.stages),
               StageWatch({.join = options_.join_timeout})) {}

absl::StatusOr<std::unique_ptr<LocalService>> LocalService::Start(
    const LocalServiceOptions& options) {
  HP_RETURN_IF_ERROR(MakeDirectories(options.state_dir));
  HP_RETURN_IF_ERROR(MakeDirectories(options.log_dir));
  HP_ASSIGN_OR_RETURN(PrivateDirectory socket_dir,
                      PrivateDirectory::Create("halfpipe"));
  std::unique_ptr<LocalService> service(
      new LocalService(options, std::move(socket_dir)));
  HP_RETURN_IF_ERROR(service->StartCoordinator());
  for (int64_t rank = 0; rank < options.stages; ++rank) {
    HP_RETURN_IF_ERROR(service->StartStage(rank));
  }
  HP_RETURN_IF_ERROR(service->WaitForCoordinator());
  service->join_deadline_ = SteadyNow() + options.join_timeout;
  return service;
}

ChildSpec LocalService::ChildSpecFor(const std::string& name) const {
  ChildSpec spec;
  spec.name = name;
  spec.log_path = absl::StrCat(options_.log_dir, "/", name, ".log");
  // The end of the log is shown when something fails, so it must not be an
  // earlier command's.
  std::error_code none_there;
  std::filesystem::rename(spec.log_path, spec.log_path + ".1", none_there);
  return spec;
}

absl::Status LocalService::StartCoordinator() {
  ChildSpec spec = ChildSpecFor("coordinator");
  spec.argv = {ProgramPath("halfpipe-coordinator"),
               "--listen-address",
               address_,
               "--metrics-address",
               options_.page_address,
               "--any-metrics-port",
               "--state-dir",
               options_.state_dir,
               "--log-level",
               options_.log_level};
  return AsInternal(supervisor_.Start(spec));
}

absl::Status LocalService::StartStage(int64_t rank) {
  ChildSpec spec = ChildSpecFor(StageName(rank));
  spec.argv = {ProgramPath(absl::StrCat("halfpipe-", spec.name)),
               "--coordinator",
               address_,
               "--pair",
               "default",
               "--device",
               DeviceFlag(options_.device, rank),
               "--metrics-address",
               "127.0.0.1:0",
               "--log-level",
               options_.log_level};
  return AsInternal(supervisor_.Start(spec));
}

absl::Status LocalService::WaitForCoordinator() {
  const absl::Time deadline = SteadyNow() + options_.start_timeout;
  while (true) {
    HP_RETURN_IF_ERROR(supervisor_.Poll());
    const absl::Status answer = probe_->GetServerInfo().status();
    if (answer.ok()) return absl::OkStatus();
    if (SteadyNow() > deadline) {
      return absl::InternalError(absl::StrCat(
          "the coordinator does not answer at ", address_, " after ",
          absl::FormatDuration(options_.start_timeout), ": ", answer.message(),
          "\n  its log (", LogPath("coordinator"), ") ends with:\n",
          supervisor_.LogTailOf("coordinator")));
    }
    absl::SleepFor(absl::Milliseconds(50));
  }
}

absl::Status LocalService::Poll() {
  HP_RETURN_IF_ERROR(supervisor_.Poll());
  return CheckStages();
}

absl::Status LocalService::CheckStages() {
  const absl::Time now = SteadyNow();
  if (now < next_check_) return absl::OkStatus();
  next_check_ = now + kCheckInterval;
  const std::optional<Holders> holders = AskHolders();
  if (!joined_) {
    const std::string missing = MissingStages(holders);
    joined_ = missing.empty();
    if (!joined_ && now >= join_deadline_) {
      return absl::FailedPreconditionError(missing);
    }
  }
  KillHungStages(holders, now);
  return absl::OkStatus();
}

std::optional<LocalService::Holders> LocalService::AskHolders() {
  // A coordinator that is away for a moment is the supervisor's business.
  const absl::StatusOr<ServerInfo> info = probe_->GetServerInfo();
  if (!info.ok()) return std::nullopt;
  Holders holders(static_cast<size_t>(options_.stages));
  for (const StageState& stage : info->stages) {
    if (stage.rank >= 0 && stage.rank < options_.stages) {
      holders[static_cast<size_t>(stage.rank)] = stage.pid;
    }
  }
  return holders;
}

void LocalService::KillHungStages(const std::optional<Holders>& holders,
                                  absl::Time now) {
  for (size_t rank = 0; rank < watches_.size(); ++rank) {
    const std::string name = StageName(static_cast<int64_t>(rank));
    const std::optional<pid_t> child = supervisor_.PidOf(name);
    if (!holders.has_value() || !child.has_value()) {
      watches_[rank].LookAway();
      continue;
    }
    const std::optional<StageWatch::Verdict> verdict =
        watches_[rank].See({.child = *child, .holder = (*holders)[rank]}, now);
    if (!verdict.has_value()) continue;
    const absl::Duration without =
        absl::Trunc(verdict->without, absl::Seconds(1));
    supervisor_.KillChild(
        name,
        verdict->had_place ? absl::StrCat("hangs (process ", *child,
                                          " is there, but sends no heartbeats)")
                           : absl::StrCat("did not join within ",
                                          absl::FormatDuration(without)),
        /*worked=*/verdict->had_place);
  }
}

std::string LocalService::MissingStages(
    const std::optional<Holders>& holders) const {
  std::string missing;
  for (int64_t rank = 0; rank < options_.stages; ++rank) {
    if (holders.has_value() &&
        (*holders)[static_cast<size_t>(rank)].has_value()) {
      continue;
    }
    const std::string name = StageName(rank);
    absl::StrAppend(&missing, missing.empty() ? "" : "\n", name, " (rank ",
                    rank, ") did not join within ",
                    absl::FormatDuration(options_.join_timeout), "; its log (",
                    LogPath(name), ") ends with:\n",
                    supervisor_.LogTailOf(name));
  }
  return missing;
}

void LocalService::Stop() { supervisor_.Stop(kStopGrace); }

void LocalService::Kill() { supervisor_.Kill(); }

std::string LocalService::ProgramPath(const std::string& name) const {
  return absl::StrCat(options_.program_dir, "/", name);
}

std::string LocalService::LogPath(const std::string& name) const {
  return absl::StrCat(options_.log_dir, "/", name, ".log");
}

}  // namespace halfpipe
