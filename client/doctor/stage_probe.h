// What the GPUs of this machine can do, as a stage program measured it: this
// program links neither CUDA nor torch.
#ifndef HP_CLIENT_DOCTOR_STAGE_PROBE_H_
#define HP_CLIENT_DOCTOR_STAGE_PROBE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/doctor/finding.h"

namespace halfpipe {

// The findings of `halfpipe-stage0 probe`'s output (docs/cli.md): library
// versions, a line a GPU with its memory and its rates to the host, a line a
// pair of GPUs with how NCCL will connect them and the rate that was measured.
// Output that is not of that form is one failure that quotes it.
[[nodiscard]] Findings FindingsOfProbe(absl::string_view json);

// Runs `program` (a path) with the argument "probe" and reports what it says,
// or why it could not say anything. Blocks for the seconds that it takes.
[[nodiscard]] Findings ProbeStage(const std::string& program);

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_STAGE_PROBE_H_
