#include "stage/link/nccl_peer_link.h"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/failure.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/link/join_pattern.h"
#include "stage/link/link_interface.h"
#include "stage/link/nccl_errors.h"
#include "stage/link/nccl_transfers.h"
#include "stage/runtime/restart_environment.h"

namespace halfpipe {
namespace {

// Ways of forming the pair, the fastest first. NCCL reads these variables once
// in a process's life, so a change takes a fresh process.
struct Transport {
  const char* name;
  std::array<const char*, 2> environment;
};

constexpr std::array<Transport, 3> kTransports = {{
    {"peer access", {"NCCL_P2P_DISABLE=0", "NCCL_SHM_DISABLE=0"}},
    {"shared memory", {"NCCL_P2P_DISABLE=1", "NCCL_SHM_DISABLE=0"}},
    {"sockets", {"NCCL_P2P_DISABLE=1", "NCCL_SHM_DISABLE=1"}},
}};

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::strcmp(value, "1") == 0;
}

// The transport that this process was started with.
size_t PresentTransport() {
  if (!IsSet("NCCL_P2P_DISABLE")) return 0;
  return IsSet("NCCL_SHM_DISABLE") ? 2 : 1;
}

absl::Status RestartWith(size_t transport, const absl::Status& why) {
  absl::Status status = absl::UnavailableError(
      absl::StrCat("the pair must be formed again over ",
                   kTransports[transport].name, ": ", why.message()));
  if (IsMarked(why, FailureKind::kNccl)) {
    MarkFailure(FailureKind::kNccl, &status);
  }
  SetRestartEnvironment({kTransports[transport].environment[0],
                         kTransports[transport].environment[1]},
                        &status);
  LogWarning("re-forming the pair", {{"transport", kTransports[transport].name},
                                     {"reason", why.ToString()}});
  return status;
}

// The rendezvous value: one byte for the transport, then NCCL's id, then how
// far its maker's loopback reaches.
struct NcclRendezvous {
  size_t transport = 0;
  ncclUniqueId id = {};
  std::string reach;
};

absl::StatusOr<NcclRendezvous> ParseRendezvous(const std::string& bytes) {
  NcclRendezvous rendezvous;
  if (bytes.size() <= 1 + sizeof(rendezvous.id) ||
      static_cast<unsigned char>(bytes[0]) >= kTransports.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the link's rendezvous is malformed: ", bytes.size(),
                     " bytes, expected more than ", 1 + sizeof(rendezvous.id)));
  }
  rendezvous.transport = static_cast<unsigned char>(bytes[0]);
  std::memcpy(&rendezvous.id, bytes.data() + 1, sizeof(rendezvous.id));
  rendezvous.reach = bytes.substr(1 + sizeof(rendezvous.id));
  return rendezvous;
}

// Device memory for one message of the join.
class DeviceBuffer {
 public:
  static absl::StatusOr<DeviceBuffer> Create(size_t bytes) {
    void* data = nullptr;
    HP_CUDA_RETURN_IF_ERROR(cudaMalloc(&data, bytes));
    return DeviceBuffer(data, bytes);
  }

  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

  DeviceBuffer& operator=(DeviceBuffer&&) = delete;

  ~DeviceBuffer() { cudaFree(data_); }

  [[nodiscard]] BufferView view() const {
    return {data_, bytes_, DType::kU8, {static_cast<int64_t>(bytes_)}};
  }

 private:
  DeviceBuffer(void* data, size_t bytes) : data_(data), bytes_(bytes) {}

  void* data_;
  size_t bytes_;
};

// Sends `mine` and returns as many bytes of the peer.
absl::StatusOr<std::string> ExchangeBytes(NcclPeerLink* link,
                                          const std::string& mine,
                                          absl::Time deadline) {
  HP_ASSIGN_OR_RETURN(DeviceBuffer to_send, DeviceBuffer::Create(mine.size()));
  HP_ASSIGN_OR_RETURN(DeviceBuffer received, DeviceBuffer::Create(mine.size()));
  HP_CUDA_RETURN_IF_ERROR(cudaMemcpy(to_send.view().data, mine.data(),
                                     mine.size(), cudaMemcpyHostToDevice));
  HP_RETURN_IF_ERROR(
      link->Exchange({to_send.view()}, {received.view()}, nullptr).status());
  const absl::Status flushed = link->Flush(deadline);
  if (!flushed.ok()) {
    // The kernel must end before its buffers are freed.
    link->Abort(flushed);
    return flushed;
  }
  std::string theirs(mine.size(), '\0');
  HP_CUDA_RETURN_IF_ERROR(cudaMemcpy(theirs.data(), received.view().data,
                                     theirs.size(), cudaMemcpyDeviceToHost));
  return theirs;
}

// Returns which process the peer is.
absl::StatusOr<ProcessIdentity> CompareNcclGreetings(NcclPeerLink* link,
                                                     const LinkOptions& options,
                                                     absl::Time deadline) {
  const JoinGreeting mine =
      MakeGreeting(options, Sha256Hex(options.rendezvous));
  const std::string bytes(reinterpret_cast<const char*>(&mine), sizeof(mine));
  HP_ASSIGN_OR_RETURN(std::string answer, ExchangeBytes(link, bytes, deadline));
  JoinGreeting theirs;
  std::memcpy(&theirs, answer.data(), sizeof(theirs));
  HP_RETURN_IF_ERROR(CheckGreeting(mine, theirs, options.peer));
  return theirs.process;
}

// Both ends learn whether the pattern arrived whole at both, so that they take
// the same way out.
absl::Status CompareNcclPatterns(NcclPeerLink* link, const LinkOptions& options,
                                 absl::Time deadline) {
  HP_ASSIGN_OR_RETURN(
      std::string theirs,
      ExchangeBytes(link, MakePattern(options.rank, options.epoch), deadline));
  const absl::Status mine = CheckPattern(theirs, options.peer, options.epoch);
  HP_ASSIGN_OR_RETURN(std::string verdict,
                      ExchangeBytes(link, mine.ok() ? "ok" : "no", deadline));
  HP_RETURN_IF_ERROR(mine);
  if (verdict != "ok") {
    return absl::DataLossError("the peer received a damaged test pattern");
  }
  return absl::OkStatus();
}

// Greeting, pattern, and from then on a watch over the peer's process.
absl::Status TestLink(NcclPeerLink* link, const LinkOptions& options) {
  const absl::Time deadline = SteadyNow() + options.join_timeout;
  HP_ASSIGN_OR_RETURN(ProcessIdentity peer,
                      CompareNcclGreetings(link, options, deadline));
  HP_RETURN_IF_ERROR(CompareNcclPatterns(link, options, deadline));
  link->WatchPeer(peer);
  return absl::OkStatus();
}

// What another transport may cure: the wire, not a missing or wrong peer.
bool IsWireFault(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsAborted(status) ||
         absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::StatusOr<std::string> MakeNcclRendezvous() {
  ncclUniqueId id = {};
  HP_NCCL_RETURN_IF_ERROR(ncclGetUniqueId(&id), nullptr);
  std::string bytes(1, static_cast<char>(PresentTransport()));
  bytes.append(reinterpret_cast<const char*>(&id), sizeof(id));
  return bytes + LoopbackReach();
}

absl::StatusOr<std::unique_ptr<PeerLink>> CreateNcclPeerLink(
    const LinkOptions& options) {
  HP_ASSIGN_OR_RETURN(NcclRendezvous rendezvous,
                      ParseRendezvous(options.rendezvous));
  HP_RETURN_IF_ERROR(CheckLinkReach(rendezvous.reach));
  if (rendezvous.transport != PresentTransport()) {
    return RestartWith(rendezvous.transport,
                       absl::UnavailableError("rank 0 asks for it"));
  }
  NcclCommunicator::Options join;
  join.id = rendezvous.id;
  join.end = options.end();
  join.device = options.device;
  join.max_ctas = options.max_ctas;
  absl::StatusOr<std::unique_ptr<NcclCommunicator>> communicator =
      NcclCommunicator::Create(join, SteadyNow() + options.join_timeout,
                               options.stop);
  if (!communicator.ok()) {
    absl::Status status =
        Annotate(communicator.status(), "joining the peer over NCCL");
    // A fault of the device is that.
    if (!FailureOf(status).has_value()) {
      MarkFailure(FailureKind::kNccl, &status);
    }
    return status;
  }
  HP_ASSIGN_OR_RETURN(std::unique_ptr<NcclPeerLink> link,
                      NcclPeerLink::Create(*std::move(communicator),
                                           options.end(), options.device));
  std::stop_callback on_stop(options.stop, [joining = link.get()] {
    joining->Abort(absl::CancelledError("join abandoned"));
  });
  const absl::Status tested = TestLink(link.get(), options);
  if (tested.ok()) return std::unique_ptr<PeerLink>(std::move(link));
  link->Abort(tested);
  if (options.stop.stop_requested()) {
    return absl::CancelledError("join abandoned");
  }
  const size_t next = rendezvous.transport + 1;
  if (!IsWireFault(tested) || next >= kTransports.size()) return tested;
  return RestartWith(next, tested);
}

}  // namespace halfpipe
