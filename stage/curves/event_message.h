// What TensorBoard reads: the messages Event and Summary of TensorFlow, of
// which a curve needs five fields (tensorboard/compat/proto/event.proto and
// summary.proto). Written by hand, since no program may hold libtorch and
// protobuf (docs/decisions/0001, 0088).
#ifndef HP_STAGE_CURVES_EVENT_MESSAGE_H_
#define HP_STAGE_CURVES_EVENT_MESSAGE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "stage/curves/curve_row.h"

namespace halfpipe {

// The first event of every file.
[[nodiscard]] std::string VersionEvent(double unix_seconds);

// All values of a row in one event, with tags "train/loss". They are float32,
// which is all that a simple_value holds.
[[nodiscard]] std::string EventOf(const CurveRow& row);

// Which row an event is of; nullopt: of none (the first one), or it is no
// message.
[[nodiscard]] std::optional<CurveKey> KeyOfEvent(absl::string_view event);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_EVENT_MESSAGE_H_
