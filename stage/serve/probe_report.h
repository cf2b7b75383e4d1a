// `halfpipe-stage0 probe`: what the stage programs find on this machine, as
// one line of JSON. `halfpipe doctor` reads it: the command line links neither
// CUDA nor torch. docs/cli.md has the form.
#ifndef HP_STAGE_SERVE_PROBE_REPORT_H_
#define HP_STAGE_SERVE_PROBE_REPORT_H_

#include <string>

namespace halfpipe {

// Measures every GPU and pair of GPUs; a second for each. Never fails: what
// does is part of the report.
[[nodiscard]] std::string ProbeReport();

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_PROBE_REPORT_H_
