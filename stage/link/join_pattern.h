// What both ends send through a new link before they trust it.
#ifndef HP_STAGE_LINK_JOIN_PATTERN_H_
#define HP_STAGE_LINK_JOIN_PATTERN_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "stage/link/link_options.h"
#include "stage/link/peer_watch.h"

namespace halfpipe {

// What an end says of itself, 512 bytes on the wire (one host byte order: both
// ends are on machines of one kind). Padded texts end with zeros.
struct JoinGreeting {
  std::array<char, 8> magic = {};
  int64_t version = 0;
  int64_t rank = 0;
  int64_t epoch = 0;
  std::array<char, 128> nonce = {};
  std::array<char, 128> boundary_digest = {};
  ProcessIdentity process;
  std::array<char, 168> reserved = {};
};

static_assert(sizeof(JoinGreeting) == 512);

[[nodiscard]] JoinGreeting MakeGreeting(const LinkOptions& options,
                                        absl::string_view nonce);

// FailedPrecondition names what differs between the ends, or that the other one
// is not `peer`.
[[nodiscard]] absl::Status CheckGreeting(const JoinGreeting& mine,
                                         const JoinGreeting& theirs, Rank peer);

// Bytes that of the two ends only this rank sends, and in this epoch
// (SplitMix64 of both), then their SHA-256 in hex.
[[nodiscard]] std::string MakePattern(Rank sender, Epoch epoch);

// DataLoss when `bytes` is not MakePattern(sender, epoch).
[[nodiscard]] absl::Status CheckPattern(absl::string_view bytes, Rank sender,
                                        Epoch epoch);

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_JOIN_PATTERN_H_
