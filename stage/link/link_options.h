// What both ends of a link need to know to join.
#ifndef HP_STAGE_LINK_LINK_OPTIONS_H_
#define HP_STAGE_LINK_LINK_OPTIONS_H_

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "common/base/ids.h"

namespace halfpipe {

// The lower rank of the two listens, whichever of them made the rendezvous.
enum class LinkEnd : uint8_t { kListens = 0, kConnects = 1 };

[[nodiscard]] constexpr LinkEnd Opposite(LinkEnd end) {
  return end == LinkEnd::kListens ? LinkEnd::kConnects : LinkEnd::kListens;
}

struct LinkOptions {
  Rank rank;
  Rank peer;  // the neighbour at the other end
  // Start of the pair that this link belongs to; the ends compare it.
  Epoch epoch;
  // What MakeLocalRendezvous or MakeNcclRendezvous returned on rank 0, for this
  // link.
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

  [[nodiscard]] LinkEnd end() const {
    return rank < peer ? LinkEnd::kListens : LinkEnd::kConnects;
  }
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_LINK_OPTIONS_H_
