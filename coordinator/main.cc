// halfpipe-coordinator: flags, objects, wait for a signal, exit code.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/broken_pipe.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/build_info/build_info.h"
#include "common/config/service_config.h"
#include "common/manual/man_page.h"
#include "common/manual/usage_error.h"
#include "common/metrics/metrics_server.h"
#include "common/metrics/token_gauge.h"
#include "common/net/connection_budget.h"
#include "common/rpc/grpc_log.h"
#include "common/service/systemd.h"
#include "coordinator/api/commands.h"
#include "coordinator/api/coordinator_server.h"
#include "coordinator/api/disk_space.h"
#include "coordinator/api/heap.h"
#include "coordinator/api/service_security.h"
#include "coordinator/page/page.h"
#include "coordinator/run/checkpoint_ledger.h"
#include "coordinator/schedule/coordinator.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "coordinator/schedule/liveness.h"
#include "coordinator/store/job_store.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kTickInterval = absl::Milliseconds(100);
// How often `systemctl status` learns something, and the store is asked.
constexpr absl::Duration kPulseInterval = absl::Seconds(5);
// For the running step to be abandoned and its weights to be saved.
constexpr absl::Duration kSaveTime = absl::Seconds(8);

struct Flags {
  std::string config;
  std::string listen_address;
  std::string metrics_address;
  bool any_metrics_port = false;
  std::string state_dir;
  std::string log_level;
};

// A stage of this machine whose process is gone has lost its lease at once.
bool IsProcessGone(const std::string& host, int64_t pid) {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || host != name || pid <= 0) {
    return false;
  }
  return kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

absl::StatusOr<ServiceConfig> LoadConfig(const Flags& flags) {
  std::string text;
  if (!flags.config.empty()) {
    HP_ASSIGN_OR_RETURN(text, ReadFileOrPipe(flags.config, uint64_t{1} << 20));
  }
  HP_ASSIGN_OR_RETURN(ServiceConfig config,
                      ParseServiceConfig(text, flags.config));
  if (!flags.listen_address.empty()) {
    config.listen_address = flags.listen_address;
  }
  if (!flags.metrics_address.empty()) {
    config.metrics_address =
        flags.metrics_address == "off" ? "" : flags.metrics_address;
  }
  if (!flags.state_dir.empty()) config.state_dir = flags.state_dir;
  if (flags.log_level == "debug") config.log_level = LogLevel::kDebug;
  if (flags.log_level == "info") config.log_level = LogLevel::kInfo;
  if (flags.log_level == "warning") config.log_level = LogLevel::kWarning;
  if (flags.log_level == "error") config.log_level = LogLevel::kError;
  return config;
}

// Tells the supervisor and /healthz that this loop turns and that the store
// answers. Where it does not: silence. A restart then cures it, or says what is
// wrong and ends with exit code 3.
class PulseTeller {
 public:
  PulseTeller(Coordinator* coordinator, ServiceNotifier* notifier,
              Liveness* liveness)
      : coordinator_(coordinator), notifier_(notifier), liveness_(liveness) {}

  // After each tick. DataLoss: the store is damaged, and must not be served.
  absl::Status Tell(absl::Time now) {
    if (now < next_) {
      if (answers_) liveness_->Beat(now);
      return absl::OkStatus();
    }
    next_ = now + std::min(notifier_->interval(), kPulseInterval);
    const absl::StatusOr<std::string> pulse = coordinator_->Pulse();
    answers_ = pulse.ok();
    if (!answers_) {
      if (absl::IsDataLoss(pulse.status())) return pulse.status();
      LogError("the job store does not answer",
               {{"error", pulse.status().ToString()}});
      return absl::OkStatus();
    }
    liveness_->Beat(now);
    notifier_->Progress(now);
    notifier_->Status(*pulse);
    return absl::OkStatus();
  }

 private:
  Coordinator* const coordinator_;
  ServiceNotifier* const notifier_;
  Liveness* const liveness_;
  bool answers_ = false;  // the store, when it was last asked
  absl::Time next_ = absl::InfinitePast();
};

// SIGHUP: reads again what may change under a running service. Certificates are
// followed without being asked. A file that is broken by then changes nothing.
void ReloadSettings(const Flags& flags, const ServiceSecurity& security) {
  const absl::StatusOr<ServiceConfig> config = LoadConfig(flags);
  if (config.ok()) {
    SetMinLogLevel(config->log_level);
  } else {
    LogError("the settings cannot be read; the old ones remain in force",
             {{"reason", config.status().message()}});
  }
  const absl::Status tokens =
      security.tokens == nullptr ? absl::OkStatus() : security.tokens->Reload();
  LogInfo("settings read again", {{"log_level", config.ok() ? "read" : "kept"},
                                  {"tokens", tokens.ok() ? "read" : "kept"}});
}

// Ticks until SIGTERM or SIGINT, which are blocked in every thread as SIGHUP
// is. DataLoss: the store is damaged.
absl::Status TickUntilSignal(const sigset_t& signals,
                             const std::function<void()>& reload,
                             Coordinator* coordinator,
                             CoordinatorServer* server,
                             const ServiceSecurity& security,
                             ServiceNotifier* notifier, Liveness* liveness) {
  const timespec interval = absl::ToTimespec(kTickInterval);
  PulseTeller pulse(coordinator, notifier, liveness);
  HeapTrimmer heap;
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &interval);
    coordinator->Tick();
    server->Tick(SteadyNow());
    security.AnswerEdits();
    HP_RETURN_IF_ERROR(pulse.Tell(SteadyNow()));
    heap.Tick(SteadyNow());
    if (signal == SIGHUP) reload();
    if (signal < 0 || signal == SIGHUP) continue;
    LogInfo("stopping", {{"signal", signal}});
    return absl::OkStatus();
  }
}

void StopJobs(Coordinator* coordinator) {
  coordinator->BeginShutdown();
  const absl::Time deadline = SteadyNow() + kSaveTime;
  while (!coordinator->Idle() && SteadyNow() < deadline) {
    coordinator->Tick();
    absl::SleepFor(absl::Milliseconds(20));
  }
  coordinator->Tick();
}

absl::Status Serve(const ServiceConfig& config, const Flags& flags,
                   const sigset_t& signals) {
  HP_ASSIGN_OR_RETURN(const ServiceSecurity security,
                      OpenServiceSecurity(config));
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  const TokenGauge token_gauge(&registry, security.tokens.get());
  Liveness liveness;
  PageSessions* const sessions = security.SessionsAt(config.metrics_address);
  Page page(security.sessions.get(), /*anybody_looks=*/sessions == nullptr);
  const auto health = [&liveness, &security] {
    const std::string still = liveness.Problem(SteadyNow());
    return still.empty() ? security.TokensProblem() : still;
  };
  std::unique_ptr<MetricsServer> metrics_server;
  if (!config.metrics_address.empty()) {
    HP_ASSIGN_OR_RETURN(
        metrics_server,
        MetricsServer::Start(config.metrics_address, &registry, health,
                             security.ForMetrics(config.metrics_address),
                             page.Routes(), flags.any_metrics_port));
  }
  HP_ASSIGN_OR_RETURN(std::unique_ptr<JobStore> store,
                      JobStore::Open(config.state_dir));
  const std::unique_ptr<CheckpointLedger> ledger = NewFileCheckpointLedger();
  Coordinator::Options options;
  options.clock = SteadyNow;
  options.wall = absl::Now;
  options.stages = {absl::Seconds(config.lease_seconds), IsProcessGone,
                    ThisBuild().version};
  options.roots = config.roots;
  options.max_queued_jobs = config.limits.queued_jobs;
  options.max_queued_bytes = config.limits.queued_bytes;
  options.retention = config.retention;
  options.info.version = ThisBuild().version;
  options.info.listen_address = config.listen_address;
  options.info.metrics_address =
      metrics_server == nullptr ? "" : metrics_server->address();
  options.info.state_dir = config.state_dir;
  options.info.started = absl::Now();
  HP_ASSIGN_OR_RETURN(
      auto coordinator,
      Coordinator::Create(options, std::move(store), ledger.get(), &metrics));
  const DiskSpaceGauges disks(&registry, [coordinator = coordinator.get()] {
    return coordinator->Folders();
  });
  const PageAccess page_access{.address = options.info.metrics_address,
                               .sessions = security.sessions.get(),
                               .tokens = security.tokens.get()};
  HP_ASSIGN_OR_RETURN(auto server, CoordinatorServer::Start(
                                       config.listen_address, coordinator.get(),
                                       {.security = security.ForServer(),
                                        .limits = config.limits,
                                        .page = page_access}));
  page.Open(coordinator.get());
  const absl::Cleanup close_page = [&page] { page.Close(); };
  LogInfo("effective config", {{"yaml", ToYaml(config)}});
  // For whoever started this with port 0.
  std::printf("listening address=%s metrics=%s\n", server->address().c_str(),
              options.info.metrics_address.c_str());
  std::fflush(stdout);
  ServiceNotifier notifier;
  notifier.Ready(absl::StrCat("listens at ", server->address()));
  absl::Status served = TickUntilSignal(
      signals, [&flags, &security] { ReloadSettings(flags, security); },
      coordinator.get(), server.get(), security, &notifier, &liveness);
  notifier.Stopping("saving what runs");
  StopJobs(coordinator.get());
  server->Shutdown(absl::Seconds(2));
  return served;
}

// Daemons: 2 and 3 are not restarted by a supervisor, 75 is.
ExitCode DaemonExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kAlreadyExists:  // a port in use
      return ExitCode::kUsage;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
      return ExitCode::kInvalidInput;
    default:
      return ExitCode::kTryAgain;
  }
}

// For people, in the form of the command line's own errors.
int RunTokenAction(const TokenAction& action) {
  const absl::Status status = action();
  if (!status.ok()) {
    std::fprintf(stderr, "halfpipe-coordinator: %s\n",
                 std::string(status.message()).c_str());
  }
  if (absl::IsUnavailable(status)) return static_cast<int>(ExitCode::kTryAgain);
  return static_cast<int>(status.ok() ? ExitCode::kOk
                                      : ExitCode::kInvalidInput);
}

int CheckStore(const Flags& flags) {
  return RunTokenAction([&flags]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(const ServiceConfig config, LoadConfig(flags));
    return CheckStateFolder(config.state_dir);
  });
}

// `healthcheck`: asks the process that serves metrics where these flags say;
// stages, too, whose own programs are slow to start.
CLI::App* AddHealthCheckCommand(CLI::App& app, HealthQuestion* question) {
  CLI::App* command =
      app.add_subcommand("healthcheck",
                         "Ask a process's /healthz: exit code 0 if it is well, "
                         "1 if not (for containers)");
  command->fallthrough();
  command
      ->add_option("--token-file", question->token_file,
                   "File with a token that may read metrics, if they need one")
      ->envname("HALFPIPE_HEALTH_TOKEN_FILE");
  command
      ->add_option("--certificate", question->certificate,
                   "Send the token only to the server with this certificate "
                   "(PEM); without it, tls.certificate of --config")
      ->envname("HALFPIPE_CERT");
  command
      ->add_option("--ca", question->ca,
                   "Send it also to a certificate of the same name that this "
                   "CA signed (PEM)")
      ->envname("HALFPIPE_CA");
  return command;
}

int CheckRunning(const Flags& flags, HealthQuestion question) {
  const absl::StatusOr<ServiceConfig> config = LoadConfig(flags);
  if (!config.ok()) {
    LogError(config.status().message());
    return 1;
  }
  question.address = config->metrics_address;
  if (question.certificate.empty()) {
    question.certificate = config->tls.certificate;
  }
  return RunHealthCheck("halfpipe-coordinator", question);
}

int Main(int argc, char** argv) {
  ShareHeaps();
  IgnoreBrokenPipes();
  CLI::App app("The halfpipe coordinator: job queue, checkpoints, events.",
               "halfpipe-coordinator");
  app.set_version_flag("--version", VersionText("halfpipe-coordinator"));
  Flags flags;
  app.add_option("--config", flags.config, "service settings (YAML)");
  app.add_option("--listen-address", flags.listen_address,
                 "gRPC: host:port, port 0 for a free one, or unix:/path");
  app.add_option("--metrics-address", flags.metrics_address,
                 "HTTP: host:port, port 0 for a free one, or off");
  app.add_flag("--any-metrics-port", flags.any_metrics_port,
               "take a free port if that of --metrics-address is in use");
  app.add_option("--state-dir", flags.state_dir, "where the database lives");
  app.add_option("--log-level", flags.log_level)
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  HealthQuestion question;
  const CLI::App* health = AddHealthCheckCommand(app, &question);
  const CLI::App* check = AddCheckCommand(app);
  TokenAction token_action;
  AddTokenCommand(app, &token_action);
  AddManualFlag(app, "halfpipe-coordinator",
                {.about = "The settings are in a YAML file (--config; "
                          "docs/config.md of the distribution lists its keys). "
                          "An option here takes precedence over the file.",
                 .exit_codes = DaemonExitCodes(),
                 .see_also = {"halfpipe(1)", "halfpipe-stage(1)"}});
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_asked = ReportParseResult(app, error, "halfpipe-coordinator",
                                            std::cout, std::cerr);
    return static_cast<int>(is_asked ? ExitCode::kOk : ExitCode::kUsage);
  }
  if (health->parsed()) return CheckRunning(flags, question);
  if (check->parsed()) return CheckStore(flags);
  if (token_action != nullptr) return RunTokenAction(token_action);
  // Before any thread starts, so that all of them inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  LogToJournal("halfpipe-coordinator");
  RaiseDescriptorLimit();
  RouteGrpcLog();
  absl::StatusOr<ServiceConfig> config = LoadConfig(flags);
  absl::Status status = config.status();
  if (status.ok()) {
    SetMinLogLevel(config->log_level);
    status = Serve(*config, flags, signals);
  }
  if (!status.ok()) LogError(status.message());
  return static_cast<int>(DaemonExitCode(status));
}

}  // namespace
}  // namespace halfpipe

// Only a failed allocation could throw, and ends the program either way.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
