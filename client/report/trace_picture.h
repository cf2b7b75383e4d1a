// The last steps of a job as one picture.
#ifndef HP_CLIENT_REPORT_TRACE_PICTURE_H_
#define HP_CLIENT_REPORT_TRACE_PICTURE_H_

#include <vector>

#include "client/report/trace.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// `traces` oldest first. The stages of a step are brought to one clock, and the
// steps stand where the service saw them end; none begins before the one before
// it has ended.
[[nodiscard]] std::vector<pipeline::TraceStep> PictureOf(
    const std::vector<StepTrace>& traces);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_TRACE_PICTURE_H_
