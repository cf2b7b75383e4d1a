// `verify`: one forward and backward of a golden file through the code that
// trains, compared tensor by tensor. Free of libtorch.
#ifndef HP_STAGE_JOB_VERIFY_H_
#define HP_STAGE_JOB_VERIFY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "stage/runtime/link_factory.h"

namespace halfpipe {

// The command line of the parity contract (docs/cli.md).
struct VerifyOptions {
  std::string model;   // a DiT checkpoint: file or folder
  std::string golden;  // a golden file
  int32_t stages = 1;
  std::string dtype = "fp32";     // fp32 | bf16
  std::string device = "cpu";     // cpu | cuda | cuda:N
  int32_t micro_batches = 1;      // parts that the batch is cut into
  std::string schedule = "1f1b";  // a ScheduleName
  std::string memory = "keep";    // keep | offload | recompute
  std::string weights = "bf16";   // bf16 | fp8 | fp8_compute
  std::optional<double> tolerance;
  std::string write;     // where the own results go; empty: nowhere
  std::string link_dir;  // private folder of the two processes, stages = 2
  int32_t threads = 1;
};

// Runs this rank's half. Rank 0 prints one line a tensor group to standard
// output and returns whether everything is within the bounds; rank 1 returns
// true when it delivered its gradients.
// Codes: InvalidArgument, NotFound, DataLoss for a bad option, golden file or
// model; Unavailable, Aborted, DeadlineExceeded for a lost peer.
[[nodiscard]] absl::StatusOr<bool> RunVerify(Rank rank,
                                             const VerifyOptions& options,
                                             LinkFactory* links);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_VERIFY_H_
