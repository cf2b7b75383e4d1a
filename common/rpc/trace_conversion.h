// Between a step's trace and its message in proto/halfpipe/v1/jobs.proto.
#ifndef HP_COMMON_RPC_TRACE_CONVERSION_H_
#define HP_COMMON_RPC_TRACE_CONVERSION_H_

#include "common/jobs/job_types.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {

[[nodiscard]] v1::StepTrace ToProto(const StepTrace& from);
// Actions that are not known here, of a newer service, are left out.
[[nodiscard]] StepTrace FromProto(const v1::StepTrace& from);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_TRACE_CONVERSION_H_
