#include "common/jobs/failure_notes.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace halfpipe {
namespace {

constexpr char kPinRefusal[] = "halfpipe/pin-refusal";
constexpr char kDeviceFault[] = "halfpipe/device-fault";

}  // namespace

void SetPinRefusal(const PinRefusal& refusal, absl::Status* status) {
  status->SetPayload(
      kPinRefusal,
      absl::Cord(absl::StrCat(refusal.pinned_bytes, " ", refusal.asked_bytes)));
}

std::optional<PinRefusal> PinRefusalOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPinRefusal);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ' ');
  PinRefusal refusal;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &refusal.pinned_bytes) ||
      !absl::SimpleAtoi(parts[1], &refusal.asked_bytes)) {
    return std::nullopt;
  }
  return refusal;
}

void MarkDeviceFault(absl::Status* status) {
  status->SetPayload(kDeviceFault, absl::Cord());
}

bool IsDeviceFault(const absl::Status& status) {
  return status.GetPayload(kDeviceFault).has_value();
}

}  // namespace halfpipe
