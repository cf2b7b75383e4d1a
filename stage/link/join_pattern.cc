#include "stage/link/join_pattern.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"

namespace halfpipe {
namespace {

constexpr char kMagic[] = "HPLINK01";
constexpr int64_t kProtocolVersion = 1;
// Large enough to go through every chunk of a transport's buffers.
constexpr size_t kPatternWords = size_t{512} * 1024;  // 4 MiB

template <size_t N>
void CopyText(absl::string_view text, std::array<char, N>* out) {
  std::memcpy(out->data(), text.data(), std::min(text.size(), N));
}

template <size_t N>
std::string TextOf(const std::array<char, N>& field) {
  return {field.data(), strnlen(field.data(), N)};
}

// SplitMix64, Steele, Lea and Flood 2014.
uint64_t NextWord(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

absl::Status Differs(absl::string_view what, absl::string_view mine,
                     absl::string_view theirs) {
  return absl::FailedPreconditionError(
      absl::StrCat("the stages do not belong together: ", what, " is ", mine,
                   " here and ", theirs, " at the peer"));
}

}  // namespace

JoinGreeting MakeGreeting(const LinkOptions& options, absl::string_view nonce) {
  JoinGreeting greeting;
  CopyText(kMagic, &greeting.magic);
  greeting.version = kProtocolVersion;
  greeting.rank = options.rank.value();
  greeting.epoch = options.epoch.value();
  CopyText(nonce, &greeting.nonce);
  CopyText(options.boundary_digest, &greeting.boundary_digest);
  greeting.process = ThisProcess();
  return greeting;
}

absl::Status CheckGreeting(const JoinGreeting& mine, const JoinGreeting& theirs,
                           Rank peer) {
  if (theirs.magic != mine.magic || theirs.version != mine.version) {
    return Differs("the link protocol",
                   absl::StrCat(TextOf(mine.magic), " v", mine.version),
                   absl::StrCat(TextOf(theirs.magic), " v", theirs.version));
  }
  if (theirs.nonce != mine.nonce) {
    return Differs("the rendezvous", "one", "another");
  }
  if (theirs.rank != peer.value()) {
    return Differs("the rank", absl::StrCat(mine.rank),
                   absl::StrCat(theirs.rank));
  }
  if (theirs.epoch != mine.epoch) {
    return Differs("the epoch", absl::StrCat(mine.epoch),
                   absl::StrCat(theirs.epoch));
  }
  if (theirs.boundary_digest != mine.boundary_digest) {
    return Differs("the boundary", TextOf(mine.boundary_digest),
                   TextOf(theirs.boundary_digest));
  }
  return absl::OkStatus();
}

std::string MakePattern(Rank sender, Epoch epoch) {
  uint64_t state = static_cast<uint64_t>(epoch.value()) * 2 +
                   static_cast<uint64_t>(sender.value());
  std::string bytes(kPatternWords * sizeof(uint64_t), '\0');
  for (size_t i = 0; i < kPatternWords; ++i) {
    const uint64_t word = NextWord(&state);
    std::memcpy(&bytes[i * sizeof(word)], &word, sizeof(word));
  }
  bytes += Sha256Hex(bytes);
  return bytes;
}

absl::Status CheckPattern(absl::string_view bytes, Rank sender, Epoch epoch) {
  if (bytes == MakePattern(sender, epoch)) return absl::OkStatus();
  return absl::DataLossError(
      "the link damages data: the test pattern of the join arrived changed");
}

}  // namespace halfpipe
