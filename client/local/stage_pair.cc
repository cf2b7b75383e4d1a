#include "client/local/stage_pair.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/local/child_process.h"
#include "client/local/private_directory.h"
#include "client/local/supervisor.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr int kStage1Lines = 20;
constexpr absl::Duration kPairPoll = absl::Milliseconds(20);

ExitCode ToExitCode(const ChildExit& exit) {
  if (exit.signal != 0) return ExitCode::kJobFailed;
  switch (static_cast<ExitCode>(exit.code)) {
    case ExitCode::kOk:
      return ExitCode::kOk;
    case ExitCode::kUsage:
      return ExitCode::kUsage;
    case ExitCode::kInvalidInput:
      return ExitCode::kInvalidInput;
    default:
      return ExitCode::kJobFailed;
  }
}

bool Succeeded(const ChildExit& exit) {
  return exit.signal == 0 && exit.code == 0;
}

// The running programs of one tool.
class StagePair {
 public:
  StagePair(const StagePairOptions& options, std::string link_dir)
      : options_(options), link_dir_(std::move(link_dir)) {}

  absl::Status Start() {
    for (int rank = 0; rank < options_.stages; ++rank) {
      HP_RETURN_IF_ERROR(StartStage(rank));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ExitCode> Wait(SignalWatch& signals, std::ostream& err) {
    absl::Time give_up = absl::InfiniteFuture();
    while (true) {
      const auto first = stages_.front().TryWait();
      const auto second =
          options_.stages == 2 ? stages_.back().TryWait() : std::nullopt;
      if (first.has_value()) return AfterStage0(*first, err);
      if (second.has_value() && !Succeeded(*second) &&
          give_up == absl::InfiniteFuture()) {
        give_up = SteadyNow() + options_.grace;
      }
      if (SteadyNow() >= give_up) return AfterStage1(*second, err);
      if (signals.Wait(kPairPoll) > 0) return ExitCode::kInterrupted;
    }
  }

 private:
  absl::Status StartStage(int rank) {
    std::vector<std::string> argv = {
        absl::StrCat(options_.program_dir, "/halfpipe-stage", rank)};
    argv.insert(argv.end(), options_.arguments.begin(),
                options_.arguments.end());
    if (options_.stages == 2) {
      argv.insert(argv.end(), {"--link", link_dir_});
    }
    absl::StatusOr<ChildProcess> child =
        ChildProcess::Spawn(argv, rank == 0 ? "" : Stage1Log());
    if (!child.ok()) return absl::InternalError(child.status().message());
    stages_.push_back(*std::move(child));
    return absl::OkStatus();
  }

  // Stage 0 has the result. Its failure may have begun in stage 1.
  ExitCode AfterStage0(const ChildExit& exit, std::ostream& err) {
    if (options_.stages == 2 && !Succeeded(exit)) {
      const auto other = stages_.back().WaitUntil(SteadyNow() + options_.grace);
      if (other.has_value() && !Succeeded(*other)) ShowStage1(*other, err);
    }
    if (exit.signal != 0) err << "halfpipe: stage0 " << ToString(exit) << "\n";
    return ToExitCode(exit);
  }

  ExitCode AfterStage1(const ChildExit& exit, std::ostream& err) {
    ShowStage1(exit, err);
    return ToExitCode(exit);
  }

  void ShowStage1(const ChildExit& exit, std::ostream& err) const {
    err << "halfpipe: stage1 " << ToString(exit) << "; it said:\n"
        << TailOfFile(Stage1Log(), kStage1Lines);
  }

  [[nodiscard]] std::string Stage1Log() const {
    return absl::StrCat(link_dir_, "/stage1.log");
  }

  const StagePairOptions& options_;
  std::string link_dir_;
  std::vector<ChildProcess> stages_;  // killed with this object
};

}  // namespace

absl::StatusOr<ExitCode> RunStagePair(const StagePairOptions& options,
                                      SignalWatch& signals, std::ostream& err) {
  HP_ASSIGN_OR_RETURN(const PrivateDirectory link_dir,
                      PrivateDirectory::Create("halfpipe-link"));
  StagePair pair(options, link_dir.path());
  HP_RETURN_IF_ERROR(pair.Start());
  return pair.Wait(signals, err);
}

}  // namespace halfpipe
