#include "stage/kernels/kernel_profile.h"

#include <utility>

#include "common/base/status.h"
#include "stage/runtime/host_event.h"

#ifdef HP_WITH_CUDA
#include <c10/cuda/CUDAStream.h>

#include "stage/gpu/cuda_event.h"
#endif

namespace halfpipe {
namespace {

// Passing a profile to every kernel would put it into each signature between
// here and the block; only tests and `bench --profile` ever set one.
thread_local KernelProfile* active_profile = nullptr;

// Null when the event cannot be made: a profile is not worth an error, and the
// device's fault shows in the kernels themselves.
EventPtr RecordNow(bool on_cuda) {
#ifdef HP_WITH_CUDA
  if (on_cuda) {
    auto event = CudaEvent::Record(c10::cuda::getCurrentCUDAStream().stream());
    return event.ok() ? *std::move(event) : nullptr;
  }
#endif
  HP_CHECK(!on_cuda);
  return HostEvent::Now();
}

}  // namespace

absl::string_view KernelGroupName(KernelGroup group) {
  constexpr std::array<absl::string_view, kKernelGroups> kNames = {
      "linear",  "lora",    "attention_forward", "attention_backward",
      "norm",    "qk_norm", "activation",        "head",
      "quantise"};
  return kNames[static_cast<size_t>(group)];
}

KernelProfile::~KernelProfile() { Stop(); }

void KernelProfile::Start() { active_profile = this; }

void KernelProfile::Stop() {
  if (active_profile == this) active_profile = nullptr;
}

void KernelProfile::Discard() {
  Stop();
  spans_.clear();
}

absl::StatusOr<GroupSeconds> KernelProfile::Take() {
  GroupSeconds seconds = {};
  for (const Span& span : std::exchange(spans_, {})) {
    HP_ASSIGN_OR_RETURN(double taken, span.end->SecondsSince(*span.begin));
    seconds[static_cast<size_t>(span.group)] += taken;
  }
  return seconds;
}

KernelScope::KernelScope(KernelGroup group, bool on_cuda)
    : group_(group), on_cuda_(on_cuda) {
  if (active_profile == nullptr || active_profile->open_) return;
  begin_ = RecordNow(on_cuda_);
  active_profile->open_ = begin_ != nullptr;
}

KernelScope::~KernelScope() {
  if (begin_ == nullptr || active_profile == nullptr) return;
  active_profile->open_ = false;
  EventPtr end = RecordNow(on_cuda_);
  if (end == nullptr) return;
  active_profile->spans_.push_back({group_, std::move(begin_), std::move(end)});
}

}  // namespace halfpipe
