// halfpipe bench: how fast the real processes train a model of given shapes,
// with random weights and data. It is a job like any other, on a service that
// lives as long as the command.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/command.h"
#include "client/commands/local_job.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "client/local/private_directory.h"
#include "client/report/bench_report.h"
#include "client/report/trace.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/pipeline/transfer_ends.h"

namespace halfpipe {
namespace {

struct BenchCommandOptions {
  BenchOptions bench;
  std::string trace;  // file; empty: none
  double join_timeout_seconds = 60.0;
  OutputFormat format = OutputFormat::kText;
};

void PrintText(const BenchResult& result, CommandContext& context) {
  context.out << absl::StrFormat("%.4g s/step  %.4g s/sample  bubble %.1f%%\n",
                                 result.s_per_step, result.s_per_sample,
                                 result.bubble_ratio * 100.0);
  for (const BenchStage& stage : result.stages) {
    context.out << absl::StrFormat(
        "stage %d  peak %s  busy %.1f%%  link %s a step  pinned %s\n",
        stage.rank, ReadableBytes(stage.peak_gpu_bytes),
        stage.busy_ratio * 100.0, ReadableBytes(stage.link_bytes),
        ReadableBytes(stage.pinned_host_bytes));
    for (const auto& [name, seconds] : stage.action_seconds) {
      context.out << absl::StrFormat("  %-20s %8.3f s\n", name, seconds);
    }
    for (const auto& [name, seconds] : stage.kernel_seconds) {
      context.out << absl::StrFormat("    %-18s %8.3f s\n", name, seconds);
    }
  }
}

// One benchmark from start to report. Its files lie in a private folder.
class Bench {
 public:
  Bench(const BenchCommandOptions& options, const JobConfig& config,
        SignalWatch& signals, CommandContext& context)
      : options_(options),
        config_(config),
        signals_(signals),
        context_(context),
        // Standard output is the report's.
        printer_(NewLinePrinter(context.err, absl::Seconds(2))) {}

  absl::StatusOr<ExitCode> Run(const PrivateDirectory& directory) {
    HP_RETURN_IF_ERROR(StartService(directory.path()));
    JobSpec spec;
    spec.id = "bench";
    spec.file_name = "halfpipe bench";
    spec.config_yaml = ToYaml(config_);
    spec.base_dir = directory.path();
    HP_ASSIGN_OR_RETURN(const Job job, service_->client().CreateJob(spec));
    HP_ASSIGN_OR_RETURN(const FollowResult result, Follow(job));
    service_->Kill();  // nothing here is worth an orderly end
    if (result.end == FollowEnd::kInterrupted) return ExitCode::kInterrupted;
    if (result.end == FollowEnd::kJobEnded &&
        result.job.state != JobState::kDone) {
      return ReportEnd(result.job, OutputFormat::kText, "", context_);
    }
    return Report();
  }

 private:
  absl::Status StartService(const std::string& directory) {
    LocalServiceOptions local;
    local.state_dir = absl::StrCat(directory, "/state");
    local.log_dir = absl::StrCat(directory, "/logs");
    HP_ASSIGN_OR_RETURN(
        service_, StartServiceFor(config_, options_.join_timeout_seconds,
                                  std::move(local), printer_.get(), context_));
    return absl::OkStatus();
  }

  absl::StatusOr<FollowResult> Follow(const Job& job) {
    FollowOptions follow;
    follow.on_event = [this](const JobEvent& event) { return Collect(event); };
    return FollowLocally(*service_, job, signals_, *printer_, follow);
  }

  // False once the last step is there: its checkpoint is not waited for.
  bool Collect(const JobEvent& event) {
    const auto* step = std::get_if<StepProgress>(&event.what);
    if (step == nullptr) return true;
    steps_.push_back(MeasureStep(*step, event.time, last_step_end_));
    last_step_end_ = event.time;
    return step->steps_done < config_.train.steps;
  }

  absl::StatusOr<ExitCode> Report() {
    HP_ASSIGN_OR_RETURN(
        const BenchResult result,
        SummarizeBench(steps_, kBenchWarmupSteps, options_.bench.steps,
                       config_.train.micro_batches));
    HP_RETURN_IF_ERROR(WriteTrace());
    if (options_.format == OutputFormat::kJson) {
      const auto json = BenchJson(result, BenchConfigJson(options_.bench));
      context_.out << JsonText(json, 2) << "\n";
    } else {
      PrintText(result, context_);
    }
    return ExitCode::kOk;
  }

  // The last step as it ran, both stages on one clock.
  [[nodiscard]] absl::Status WriteTrace() const {
    if (options_.trace.empty()) return absl::OkStatus();
    std::vector<std::vector<pipeline::TimedAction>> ranks;
    for (const StageUse& stage : steps_.back().progress.stages) {
      ranks.push_back(stage.actions);
    }
    pipeline::AlignClocks(&ranks);
    return WriteFileAtomically(options_.trace, pipeline::TraceJson(ranks));
  }

  const BenchCommandOptions& options_;
  const JobConfig& config_;
  SignalWatch& signals_;
  CommandContext& context_;
  std::unique_ptr<EventPrinter> printer_;
  std::unique_ptr<LocalService> service_;
  std::vector<BenchStep> steps_;
  absl::Time last_step_end_ = absl::InfinitePast();
};

absl::StatusOr<ExitCode> RunBench(const BenchCommandOptions& options,
                                  CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  HP_ASSIGN_OR_RETURN(const PrivateDirectory directory,
                      PrivateDirectory::Create("halfpipe-bench"));
  const auto config = BenchJobConfig(options.bench, directory.path());
  if (!config.ok()) {
    context.err << "halfpipe: " << config.status().message() << "\n";
    return ExitCode::kUsage;  // the config came from flags
  }
  return Bench(options, *config, signals, context).Run(directory);
}

void AddShapeOptions(CLI::App* command, BenchOptions* bench) {
  command
      ->add_option("--variant", bench->variant,
                   "The model whose sizes are used, such as i2v-a14b")
      ->required();
  command->add_option("--height", bench->height, "Pixels")
      ->capture_default_str();
  command->add_option("--width", bench->width, "Pixels")->capture_default_str();
  command->add_option("--frames", bench->frames, "4k+1")->capture_default_str();
  command->add_option("--micro-batches", bench->micro_batches, "Samples a step")
      ->capture_default_str();
  command
      ->add_option("--steps", bench->steps,
                   "Steps to measure, after one to warm up")
      ->check(PositiveCheck())
      ->capture_default_str();
  command->add_option("--rank", bench->rank, "LoRA rank")
      ->capture_default_str();
  command->add_option("--layers", bench->layers,
                      "Blocks, instead of as many as the variant has");
}

void AddPipelineOptions(CLI::App* command, BenchOptions* bench) {
  const auto add = [command](const std::string& name, std::string& value,
                             const std::string& doc) {
    return command->add_option(name, value, doc)->capture_default_str();
  };
  add("--schedule", bench->schedule, "1f1b, gpipe, sequential or interleaved");
  command->add_option("--stages", bench->stages, "Processes: 1 or 2")
      ->check(CLI::IsMember({1, 2}))
      ->capture_default_str();
  add("--weights", bench->weights, "bf16, fp8 or fp8_compute");
  add("--memory", bench->memory, "auto, keep, offload or recompute");
  add("--gpu-memory", bench->gpu_memory, "Most of each GPU: 22GiB");
  add("--host-memory", bench->host_memory, "Most of the host: 64GiB");
  add("--device", bench->device, "auto, cpu or cuda");
  add("--dtype", bench->dtype, "bf16 or fp32");
  command->add_flag("--profile", bench->profile,
                    "Report the time of each operation and kernel group too");
  command->add_option("--threads", bench->threads, "CPU threads a stage")
      ->capture_default_str();
}

}  // namespace

void AddBenchCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<BenchCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure training speed on random weights and data");
  AddShapeOptions(command, &options->bench);
  AddPipelineOptions(command, &options->bench);
  command
      ->add_option("--trace", options->trace,
                   "Write the last step for Perfetto to this file")
      ->needs("--profile");
  AddJoinTimeoutFlag(command, &options->join_timeout_seconds);
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, RunBench);
}

}  // namespace halfpipe
