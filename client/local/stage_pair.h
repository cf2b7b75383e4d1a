// The stage programs as a tool: one or both, linked to each other directly,
// without a coordinator.
#ifndef HP_CLIENT_LOCAL_STAGE_PAIR_H_
#define HP_CLIENT_LOCAL_STAGE_PAIR_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/jobs/signal_watch.h"
#include "common/base/status.h"

namespace halfpipe {

struct StagePairOptions {
  std::string program_dir;  // holds halfpipe-stage0 and halfpipe-stage1
  int stages = 1;
  // The tool's name and its options, for both programs. With two stages
  // "--link DIR" is added: a private folder in which they meet.
  std::vector<std::string> arguments;
  // How long one may go on after the other has failed, to say why.
  absl::Duration grace = absl::Seconds(3);
};

// Runs the tool to its end. Stage 0 writes to our standard output and error;
// what stage 1 wrote is shown on `err` if it fails. The result is stage 0's
// exit code, or stage 1's when that one failed first and stage 0 had to be
// killed. A signal that ends a stage and a daemon's code count as kJobFailed.
// An interrupt kills both: kInterrupted. Internal: a program cannot start.
[[nodiscard]] absl::StatusOr<ExitCode> RunStagePair(
    const StagePairOptions& options, SignalWatch& signals, std::ostream& err);

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_STAGE_PAIR_H_
