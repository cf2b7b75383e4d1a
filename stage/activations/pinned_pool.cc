#include "stage/activations/pinned_pool.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

// What is left to everybody else when the last buffer is pinned.
constexpr int64_t kHeadroomBytes = int64_t{512} << 20;
// A copy takes milliseconds; one that takes this long hangs.
constexpr absl::Duration kCopyLimit = absl::Seconds(10);

std::string MiB(int64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) /
                                         static_cast<double>(int64_t{1} << 20));
}

absl::Status Refused(size_t bytes, int64_t pinned, absl::string_view reason) {
  const auto asked = static_cast<int64_t>(bytes);
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat(
      "cannot pin another ", MiB(asked), " (", asked,
      " bytes) of host memory; ", MiB(pinned), " are pinned: ", reason));
  SetPinRefusal({.pinned_bytes = pinned, .asked_bytes = asked}, &status);
  return status;
}

}  // namespace

PinnedPool::~PinnedPool() {
  for (const auto& [bytes, buffer] : free_) pinning_->Unpin(buffer.data, bytes);
}

absl::StatusOr<PinnedBuffer> PinnedPool::Take(size_t bytes) {
  // First in, first out: the buffer whose last use is the longest ago.
  const auto it = free_.find(bytes);
  if (it != free_.end()) {
    PinnedBuffer buffer = std::move(it->second);
    free_.erase(it);
    return buffer;
  }
  absl::StatusOr<PinnedBuffer> buffer = PinNew(bytes);
  if (buffer.ok() || free_.empty()) return buffer;
  HP_RETURN_IF_ERROR(DropIdle());
  return PinNew(bytes);
}

absl::StatusOr<PinnedBuffer> PinnedPool::PinNew(size_t bytes) {
  const int64_t available = pinning_->AvailableBytes();
  const auto needed = static_cast<int64_t>(bytes) + kHeadroomBytes;
  if (available > 0 && available < needed) {
    return Refused(
        bytes, bytes_,
        absl::StrCat("the host has ", MiB(available), " left, of which ",
                     MiB(kHeadroomBytes), " are not touched"));
  }
  const absl::StatusOr<void*> data = pinning_->Pin(bytes);
  if (!data.ok()) return Refused(bytes, bytes_, data.status().message());
  bytes_ += static_cast<int64_t>(bytes);
  return PinnedBuffer{.data = *data, .bytes = bytes, .last_use = nullptr};
}

absl::Status PinnedPool::DropIdle() {
  while (!free_.empty()) {
    const PinnedBuffer& buffer = free_.begin()->second;
    if (buffer.last_use != nullptr) {
      HP_RETURN_IF_ERROR(buffer.last_use->WaitOnHost(SteadyNow() + kCopyLimit));
    }
    pinning_->Unpin(buffer.data, buffer.bytes);
    bytes_ -= static_cast<int64_t>(buffer.bytes);
    free_.erase(free_.begin());
  }
  return absl::OkStatus();
}

void PinnedPool::Return(PinnedBuffer buffer) {
  const size_t bytes = buffer.bytes;
  free_.emplace(bytes, std::move(buffer));
}

}  // namespace halfpipe
