// How a stage gets its link without knowing what carries it.
#ifndef HP_STAGE_RUNTIME_LINK_FACTORY_H_
#define HP_STAGE_RUNTIME_LINK_FACTORY_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Who joins whom; the fields mean what stage/link's LinkOptions say.
struct JoinRequest {
  std::string kind;  // "nccl" | "local"
  Rank rank = {};
  Rank peer = {};
  Epoch epoch = {};
  std::string rendezvous;
  std::string boundary_digest = {};
  int device = 0;  // CUDA device of this process ("nccl")
  std::stop_token stop = {};
};

// Implemented by stage/link. Thread-compatible.
class LinkFactory {
 public:
  virtual ~LinkFactory() = default;

  // Rank 0 makes the rendezvous value of each link, that both its ends join
  // with.
  // InvalidArgument for a kind that this build does not have.
  [[nodiscard]] virtual absl::StatusOr<std::string> Open(
      absl::string_view kind) = 0;

  // Blocks until the peer has joined too and the pattern test has passed.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<PeerLink>> Join(
      const JoinRequest& request) = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_LINK_FACTORY_H_
