// The table of the job file's keys.
#ifndef HP_COMMON_CONFIG_JOB_FIELDS_H_
#define HP_COMMON_CONFIG_JOB_FIELDS_H_

#include <vector>

#include "common/config/field.h"
#include "common/config/job_config.h"
#include "common/config/service_config.h"

namespace halfpipe {

// Every key, in the order of the reference, bound to `config`, which must
// outlive the result.
[[nodiscard]] std::vector<Field> JobFields(JobConfig* config);

// The same for the service's file.
[[nodiscard]] std::vector<Field> ServiceFields(ServiceConfig* config);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_JOB_FIELDS_H_
