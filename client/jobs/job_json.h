// The `-o json` form of what the service says. Field names are those of
// proto/halfpipe/v1/jobs.proto; times are RFC 3339 in UTC, null when unset.
#ifndef HP_CLIENT_JOBS_JOB_JSON_H_
#define HP_CLIENT_JOBS_JOB_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/jobs/job_types.h"

namespace halfpipe {

[[nodiscard]] nlohmann::ordered_json ToJson(const Job& job);
[[nodiscard]] nlohmann::ordered_json ToJson(const JobEvent& event);
[[nodiscard]] nlohmann::ordered_json ToJson(const StepProgress& step);
[[nodiscard]] nlohmann::ordered_json ToJson(const ServerInfo& info);

// One line (`indent` < 0) or indented. Bytes that are not UTF-8, which a file
// name may hold, become U+FFFD; what a terminal would obey is \u202E and the
// like; numbers that JSON lacks become null.
[[nodiscard]] std::string JsonText(const nlohmann::ordered_json& json,
                                   int indent = -1);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_JOB_JSON_H_
