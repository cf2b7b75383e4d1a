// A full queue, many watchers, an open stream of submissions and a coordinator
// that is killed in the middle of it. Says how long calls took, and fails when
// an acknowledged job is lost or there twice.
//
//   submit_load --coordinator build/dev/bin/halfpipe-coordinator
//
// Latencies count from when a submission was due, not from when it was sent,
// so a generator that falls behind shows. Submissions that met the outage are
// sent again under the same id until they are acknowledged, as a client does.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "load/load_run.h"

namespace halfpipe {
namespace {

int Main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  LoadFlags flags;
  CLI::App app("Load test of the coordinator.", "submit_load");
  app.add_option("--coordinator", flags.coordinator)->required();
  app.add_option("--config", flags.config, "the coordinator's");
  app.add_option("--state-dir", flags.state_dir, "is emptied first");
  app.add_option("--queue", flags.queue, "jobs that wait already");
  app.add_option("--watchers", flags.watchers);
  app.add_option("--rate", flags.rate, "submissions a second");
  app.add_option("--seconds", flags.seconds);
  app.add_option("--kill-at", flags.kill_at, "seconds; negative: never");
  app.add_option("--lists-per-second", flags.lists_per_second);
  app.add_option("--core", flags.core, "of this program; -1: any");
  app.add_option("--submit-p99-ms", flags.submit_p99_ms, "fail above");
  app.add_option("--list-p99-ms", flags.list_p99_ms, "fail above");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  LoadRun run(flags);
  if (flags.core >= 0) {
    cpu_set_t one;  // the threads of gRPC, which start later, inherit it
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(flags.core), &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  const absl::Status status = run.Run();
  run.Stop();
  if (!status.ok()) {
    std::fprintf(stderr, "FAILED: %s\n", status.ToString().c_str());
  }
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace halfpipe

// Whatever escapes ends the program, as it should.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
