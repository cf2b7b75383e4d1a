// What both ends of a pair need to know to join.
#ifndef HP_STAGE_LINK_LINK_OPTIONS_H_
#define HP_STAGE_LINK_LINK_OPTIONS_H_

#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "common/base/ids.h"

namespace halfpipe {

struct LinkOptions {
  Rank rank;
  // Start of the pair that this link belongs to; the ends compare it.
  Epoch epoch;
  // What MakeLocalRendezvous or MakeNcclRendezvous returned on rank 0.
  std::string rendezvous;
  // Hex SHA-256 of what crosses the split (names, shapes, dtypes), computed by
  // each side from the config; the ends compare it.
  std::string boundary_digest;
  // How long a join may take, for each way of forming the pair that is tried.
  absl::Duration join_timeout = absl::Seconds(60);
  // Ends a join that is still waiting, with Cancelled.
  std::stop_token stop;

  // CUDA device of this process. Only the NCCL link reads it.
  int device = 0;
  // Most thread blocks that NCCL may take from the compute kernels; 0 leaves
  // the choice to NCCL. Only the NCCL link reads it.
  int max_ctas = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LINK_OPTIONS_H_
