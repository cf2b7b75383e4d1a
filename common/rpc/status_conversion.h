// The one way between absl::Status and grpc::Status, and between the Failure
// that a status carries (common/base/failure.h) and its message.
#ifndef HP_COMMON_RPC_STATUS_CONVERSION_H_
#define HP_COMMON_RPC_STATUS_CONVERSION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/failure.h"
#include "common/jobs/stage_progress.h"
#include "grpcpp/support/status.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {

// gRPC carries a message in an HTTP/2 header, whose size peers limit.
inline constexpr size_t kMaxStatusMessageBytes = 1024;

// `text` cut to `max_bytes` at a UTF-8 character's edge, with "..." at the end
// when something was cut; bytes that are no UTF-8 are shown as "\\xE9".
[[nodiscard]] std::string CutMessage(absl::string_view text, size_t max_bytes);

// The codes have equal numbers on both sides; payloads do not travel.
[[nodiscard]] grpc::Status ToGrpcStatus(const absl::Status& status);
[[nodiscard]] absl::Status FromGrpcStatus(const grpc::Status& status);

// A code as a number and a message, as messages carry them. A number that is
// no code becomes Unknown.
[[nodiscard]] absl::Status MakeStatus(int code, absl::string_view message);

// The numbers of the enums are the same on both sides.
[[nodiscard]] v1::Failure ToProto(const Failure& from);
// A number that this version does not know becomes kUnknown.
[[nodiscard]] Failure FromProto(const v1::Failure& from);

[[nodiscard]] v1::StageWork ToProto(StageWork from);
[[nodiscard]] StageWork FromProto(v1::StageWork from);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_STATUS_CONVERSION_H_
