// Between the Failure that a status carries (common/base/failure.h) and its
// message in proto/halfpipe/v1/jobs.proto. The numbers of its enums are the
// same on both sides.
#ifndef HP_COMMON_RPC_FAILURE_CONVERSION_H_
#define HP_COMMON_RPC_FAILURE_CONVERSION_H_

#include "common/base/failure.h"
#include "common/jobs/stage_progress.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {

[[nodiscard]] v1::Failure ToProto(const Failure& from);
// A number that this version does not know becomes kUnknown.
[[nodiscard]] Failure FromProto(const v1::Failure& from);

[[nodiscard]] v1::StageWork ToProto(StageWork from);
[[nodiscard]] StageWork FromProto(v1::StageWork from);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_FAILURE_CONVERSION_H_
