#include "stage/link/link_factory.h"

#include "absl/strings/str_cat.h"
#include "stage/link/link_options.h"
#include "stage/link/local_peer_link.h"
#if HP_WITH_CUDA
#include <nccl.h>

#include "stage/link/nccl_peer_link.h"
#endif

namespace halfpipe {
namespace {

absl::Status UnknownKind(absl::string_view kind) {
  return absl::InvalidArgumentError(
      absl::StrCat("this build has no link of kind '", kind, "': expected ",
                   HP_WITH_CUDA ? "nccl or local" : "local"));
}

class BuiltInLinkFactory : public LinkFactory {
 public:
  explicit BuiltInLinkFactory(int max_ctas) : max_ctas_(max_ctas) {}

  absl::StatusOr<std::string> Open(absl::string_view kind) override {
    if (kind == "local") return MakeLocalRendezvous();
#if HP_WITH_CUDA
    if (kind == "nccl") return MakeNcclRendezvous();
#endif
    return UnknownKind(kind);
  }

  absl::StatusOr<std::unique_ptr<PeerLink>> Join(
      const JoinRequest& request) override {
    LinkOptions options;
    options.rank = request.rank;
    options.peer = request.peer;
    options.epoch = request.epoch;
    options.rendezvous = request.rendezvous;
    options.boundary_digest = request.boundary_digest;
    options.stop = request.stop;
    options.device = request.device;
    options.max_ctas = max_ctas_;
    if (request.kind == "local") return CreateLocalPeerLink(options);
#if HP_WITH_CUDA
    if (request.kind == "nccl") return CreateNcclPeerLink(options);
#endif
    return UnknownKind(request.kind);
  }

 private:
  const int max_ctas_;
};

}  // namespace

std::unique_ptr<LinkFactory> MakeLinkFactory(int max_ctas) {
  return std::make_unique<BuiltInLinkFactory>(max_ctas);
}

std::string NcclVersion() {
#if HP_WITH_CUDA
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return "";
  return absl::StrCat(version / 10000, ".", version % 10000 / 100, ".",
                      version % 100);
#else
  return "";
#endif
}

}  // namespace halfpipe
