#include "stage/serve/stage_main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "common/auth/connection.h"
#include "common/base/broken_pipe.h"
#include "common/base/cpu_arithmetic.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/build_info/build_info.h"
#include "common/jobs/recent_lines.h"
#include "common/manual/man_page.h"
#include "common/manual/usage_error.h"
#include "common/metrics/metrics_registry.h"
#include "common/metrics/metrics_server.h"
#include "common/metrics/token_gauge.h"
#include "common/net/connection_budget.h"
#include "common/rpc/grpc_log.h"
#include "common/service/systemd.h"
#include "stage/curves/curve_backend.h"
#include "stage/job/free_memory.h"
#include "stage/job/job_backend.h"
#include "stage/job/machine_rates_text.h"
#include "stage/job/verify.h"
#include "stage/link/link_factory.h"
#include "stage/link/link_interface.h"
#include "stage/runtime/restart_environment.h"
#include "stage/runtime/stage_worker.h"
#include "stage/serve/grpc_coordinator_client.h"
#include "stage/serve/host_gauges.h"
#include "stage/serve/metered_backend.h"
#include "stage/serve/probe_report.h"
#include "stage/serve/stage_access.h"
#include "stage/serve/stage_metrics.h"
#include "stage/serve/termination_watch.h"

namespace halfpipe {
namespace {

// NCCL's default takes 24 thread blocks of an H200 and half a GiB more; with
// four a micro-batch of 208 MB crosses in 1.7 ms instead of 0.6, under compute.
constexpr int kLinkCtas = 4;

constexpr char kTokenVariable[] = "HALFPIPE_TOKEN";

struct ServeOptions {
  std::string coordinator;
  std::string pair = "default";
  int32_t index = 1;  // of the stages behind the first one
  std::string device = "auto";
  std::string metrics_address = "127.0.0.1:0";
  std::string log_level = "info";
  std::string decoder;
  StageAccessOptions access;
  std::string link_interface;  // empty: loopback, or NCCL_SOCKET_IFNAME
};

int ToInt(ExitCode code) { return static_cast<int>(code); }

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

uint64_t RandomIncarnation() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

// halfpipe-decode lies beside this program unless told otherwise.
std::string DecoderProgram(const ServeOptions& options) {
  if (!options.decoder.empty()) return options.decoder;
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "halfpipe-decode").string();
}

std::optional<LogLevel> ParseLogLevel(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return std::nullopt;
}

void CompleteInfo(const ServeOptions& options, StageInfo* info) {
  info->pair = options.pair;
  info->incarnation = RandomIncarnation();
  info->pid = getpid();
  info->host = HostName();
  info->version = ThisBuild().version;
}

ExitCode Fail(ExitCode code, const absl::Status& status) {
  LogError(status.message(), {{"exit_code", ToInt(code)}});
  return code;
}

// The thread that hangs cannot be ended, and nothing it holds can be torn down:
// the supervisor starts a fresh process.
void EndHungProcess(absl::string_view what) {
  LogError(absl::StrCat(what, ": this process is stuck and ends itself"),
           {{"exit_code", ToInt(ExitCode::kTryAgain)}});
  std::fflush(nullptr);
  _exit(ToInt(ExitCode::kTryAgain));
}

void BeginLog(Rank rank, const ServeOptions& options) {
  LogToJournal(absl::StrCat("halfpipe-stage", rank.value()));
  SetLogContext("rank", absl::StrCat(rank.value()));
  SetMinLogLevel(ParseLogLevel(options.log_level).value_or(LogLevel::kInfo));
  RouteGrpcLog();
}

// What the worker's end means for this process, which may begin anew in it.
ExitCode End(const WorkerExit& exit, const ServeOptions& options,
             const std::vector<std::string>& arguments,
             ServiceNotifier* notifier) {
  std::vector<std::string> environment = RestartEnvironmentOf(exit.reason);
  if (!environment.empty()) {
    if (!options.access.security.token.empty()) {
      environment.push_back(
          absl::StrCat(kTokenVariable, "=", options.access.security.token));
    }
    LogWarning("starting again with another environment",
               {{"reason", exit.reason.message()}});
    notifier->Status("starting again with another environment");
    return Fail(ExitCode::kTryAgain, RestartProcess(arguments, environment));
  }
  notifier->Stopping(exit.reason.ok() ? "stopping" : exit.reason.message());
  if (!exit.reason.ok()) return Fail(exit.code, exit.reason);
  return exit.code;
}

// Everything a serving stage consists of, torn down in reverse order.
ExitCode Serve(Rank rank, const ServeOptions& options,
               const std::vector<std::string>& arguments) {
  TerminationWatch termination;
  RaiseDescriptorLimit();
  BeginLog(rank, options);
  // What this stage says while it has a job is in the job's log too.
  RecentLines lines;
  SetLogTap([&lines](LogLevel level, absl::string_view text) {
    lines.Add(level, text);
  });
  const absl::Cleanup untap = [] { SetLogTap(nullptr); };
  const absl::StatusOr<StageAccess> access = OpenStageAccess(
      options.access, options.coordinator, options.metrics_address);
  if (!access.ok()) return Fail(ExitCode::kInvalidInput, access.status());
  termination.OnHangUp([book = access->tokens] {
    // What is wrong is in the log, and the tokens from before stay.
    if (book != nullptr) (void)book->Reload();
  });
  const std::unique_ptr<LinkFactory> links = MakeLinkFactory(kLinkCtas);
  absl::StatusOr<JobStage> stage =
      CreateJobStage({.rank = rank,
                      .device = options.device,
                      .decoder_program = DecoderProgram(options),
                      .links = links.get()});
  if (!stage.ok()) return Fail(ExitCode::kDeviceMissing, stage.status());
  CompleteInfo(options, &stage->info);

  MetricsRegistry registry;
  StageMetrics metrics(rank.value(), stage->info.gpu_uuid, &registry);
  const HostGauges host_gauges(rank.value(), stage->info.gpu_uuid, &registry);
  const TokenGauge token_gauge(&registry, access->tokens.get());
  metrics.SetGpuMemory({.workspace = stage->info.device_total_bytes -
                                     stage->info.device_free_bytes,
                        .free = stage->info.device_free_bytes});
  absl::StatusOr<std::unique_ptr<MetricsServer>> server = MetricsServer::Start(
      options.metrics_address, &registry,
      [tokens = access->tokens] {
        return tokens == nullptr ? "" : tokens->Problem();
      },
      access->metrics);
  if (!server.ok()) return Fail(ExitCode::kUsage, server.status());

  const FreeMemoryWatch free_memory(stage->info.device);
  CurveBackend curves(stage->backend.get(), [] { return absl::Now(); });
  StageBackend* const inner = rank == Rank(0)
                                  ? static_cast<StageBackend*>(&curves)
                                  : stage->backend.get();
  MeteredBackend backend(inner, &metrics,
                         [&free_memory] { return free_memory.Read(); });
  // One client for both: it carries the identity of the registration, and its
  // heartbeats have a connection of their own.
  const std::unique_ptr<CoordinatorClient> coordinator =
      NewGrpcCoordinatorClient(
          {.address = options.coordinator, .security = access->coordinator});
  StageWorker::Options worker_options;
  worker_options.lines = &lines;
  worker_options.on_hang = EndHungProcess;
  ServiceNotifier notifier;
  worker_options.on_progress = [&notifier](absl::string_view what) {
    notifier.Progress(SteadyNow());
    notifier.Status(what);
  };
  StageWorker worker(stage->info, &backend, coordinator.get(),
                     coordinator.get(), worker_options);
  LogInfo("stage ready", {{"device", stage->info.device},
                          {"device_name", stage->info.device_name},
                          {"arithmetic", stage->info.arithmetic},
                          {"arithmetic_settings", ArithmeticSettings()},
                          {"coordinator", options.coordinator},
                          {"metrics", (*server)->address()}});
  // Not when it is registered: the coordinator may be another machine's, and
  // come later. `systemctl status` says that it waits.
  notifier.Ready(
      absl::StrCat("waits for the coordinator at ", options.coordinator));
  return End(worker.Run(termination.token()), options, arguments, &notifier);
}

// For people, in the form of the command line's own errors.
void PrintError(Rank rank, absl::string_view message) {
  std::fprintf(stderr, "halfpipe-stage%d: %s\n", rank.value(),
               std::string(message).c_str());
}

ExitCode Verify(Rank rank, const VerifyOptions& options) {
  SetLogContext("rank", absl::StrCat(rank.value()));
  SetMinLogLevel(LogLevel::kWarning);
  const std::unique_ptr<LinkFactory> links = MakeLinkFactory(kLinkCtas);
  const absl::StatusOr<bool> within = RunVerify(rank, options, links.get());
  if (within.ok()) return *within ? ExitCode::kOk : ExitCode::kJobFailed;
  PrintError(rank, within.status().message());
  const ExitCode code = ExitCodeFor(within.status());
  // Nothing here talks to a service: a peer that is away is a failed job.
  return code == ExitCode::kUnreachable ? ExitCode::kJobFailed : code;
}

// A rates file on standard output.
ExitCode PrintRates(Rank rank) {
  SetMinLogLevel(LogLevel::kWarning);
  const absl::StatusOr<std::string> rates = MeasureMachine();
  if (!rates.ok()) {
    PrintError(rank, rates.status().message());
    return ExitCode::kDeviceMissing;
  }
  std::printf("%s", rates->c_str());
  return ExitCode::kOk;
}

void AddServeOptions(CLI::App& app, ServeOptions* options) {
  app.add_option("--coordinator", options->coordinator,
                 "Coordinator: host:port or unix:/path");
  app.add_option("--pair", options->pair, "The pair this stage belongs to")
      ->capture_default_str();
  app.add_option("--index", options->index,
                 "Of halfpipe-stage1: which of the stages behind the first one "
                 "this is")
      ->capture_default_str();
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  app.add_option("--metrics-address", options->metrics_address,
                 "Where /metrics is served; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--log-level", options->log_level)
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option(
         "--ca", options->access.security.tls.ca,
         "Use TLS; the CA that signed the coordinator's certificate (PEM)")
      ->envname("HALFPIPE_CA");
  app.add_option("--cert", options->access.security.tls.certificate,
                 "This stage's certificate, for mutual TLS (PEM)")
      ->envname("HALFPIPE_CERT");
  app.add_option("--key", options->access.security.tls.key,
                 "The certificate's private key (PEM)")
      ->envname("HALFPIPE_KEY");
  app.add_option("--token-file", options->access.security.token_file,
                 "File with the stage's token (or HALFPIPE_TOKEN, the token "
                 "itself)")
      ->envname("HALFPIPE_TOKEN_FILE");
  app.add_option("--tokens", options->access.tokens,
                 "Tokens file: who may read metrics, if other machines can "
                 "reach --metrics-address")
      ->envname("HALFPIPE_TOKENS");
  app.add_option("--link-interface", options->link_interface,
                 "Network interface for the link between the GPUs; without it "
                 "both stages must be on this machine")
      ->envname("HALFPIPE_LINK_INTERFACE");
  app.add_option("--decoder", options->decoder,
                 "Path of halfpipe-decode (default: beside this program)");
}

// Of a process of the program of stage `program`: the first stage has one of
// its own, all others are halfpipe-stage1, told which. InvalidArgument: an
// index that is none of theirs.
absl::StatusOr<Rank> RankOf(Rank program, const CLI::App& app, int32_t index) {
  if (program == Rank(0)) {
    if (app.count("--index") == 0) return program;
    return absl::InvalidArgumentError(
        "--index is for halfpipe-stage1: halfpipe-stage0 is stage 0");
  }
  if (index >= 1) return Rank(index);
  return absl::InvalidArgumentError(absl::StrCat(
      "--index: stage 0 is halfpipe-stage0; write 1 or more, found ", index));
}

// A step's tensors have many sizes, and the caching allocator would hold a
// segment for each: twice the memory in use. Read when CUDA is first used.
void UseExpandableSegments() {
  setenv("PYTORCH_ALLOC_CONF", "expandable_segments:True", /*overwrite=*/0);
}

CLI::App* AddVerifyCommand(CLI::App& app, VerifyOptions* options) {
  CLI::App* verify = app.add_subcommand(
      "verify", "Compare one forward and backward with a golden file");
  verify->add_option("--model", options->model)->required();
  verify->add_option("--golden", options->golden)->required();
  verify->add_option("--stages", options->stages);
  verify->add_option("--dtype", options->dtype);
  verify->add_option("--device", options->device);
  verify->add_option("--micro-batches", options->micro_batches);
  verify->add_option("--schedule", options->schedule);
  verify->add_option("--memory", options->memory);
  verify->add_option("--weights", options->weights);
  verify->add_option("--tolerance", options->tolerance);
  verify->add_option("--write", options->write);
  verify->add_option("--link", options->link_dir);
  return verify;
}

}  // namespace

int StageMain(Rank rank, int argc, char** argv) {
  IgnoreBrokenPipes();
  UseExpandableSegments();
  if (const absl::Status mode = UseReproducibleProducts(); !mode.ok()) {
    LogWarning(mode.message());
  }
  CLI::App app("halfpipe stage: owns one device and half of the model");
  app.set_version_flag(
      "--version", VersionText(absl::StrCat("halfpipe-stage", rank.value())));
  ServeOptions serve;
  VerifyOptions verify;
  AddServeOptions(app, &serve);
  const CLI::App* verify_command = AddVerifyCommand(app, &verify);
  const CLI::App* probe_command = app.add_subcommand(
      "probe", "Measure this machine's GPUs and their links, as JSON");
  const CLI::App* rates_command = app.add_subcommand(
      "rates", "Measure what this machine's GPUs do in training, as JSON");
  AddManualFlag(app, "halfpipe-stage",
                {.about = "halfpipe-stage0 and halfpipe-stage1 take the same "
                          "options; a pair needs one of each.",
                 .exit_codes = DaemonExitCodes(),
                 .see_also = {"halfpipe(1)", "halfpipe-coordinator(1)"}});
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseResult(app, error,
                             absl::StrCat("halfpipe-stage", rank.value()),
                             std::cout, std::cerr)
               ? ToInt(ExitCode::kOk)
               : ToInt(ExitCode::kUsage);
  }
  serve.access.security.token = TakeEnvironment(kTokenVariable);
  SetLinkInterface(serve.link_interface);
  if (probe_command->parsed()) {
    std::printf("%s\n", ProbeReport().c_str());
    return ToInt(ExitCode::kOk);
  }
  if (rates_command->parsed()) return ToInt(PrintRates(rank));
  if (verify_command->parsed()) return ToInt(Verify(rank, verify));
  if (serve.coordinator.empty()) {
    PrintError(rank, "--coordinator is missing: where is the coordinator?");
    return ToInt(ExitCode::kUsage);
  }
  const absl::StatusOr<Rank> served = RankOf(rank, app, serve.index);
  if (!served.ok()) {
    PrintError(rank, served.status().message());
    return ToInt(ExitCode::kUsage);
  }
  return ToInt(
      Serve(*served, serve, std::vector<std::string>(argv, argv + argc)));
}

}  // namespace halfpipe
