// The jobs of `list` as a table: a pure function, so that it can be tested.
#ifndef HP_CLIENT_COMMANDS_JOB_TABLE_H_
#define HP_CLIENT_COMMANDS_JOB_TABLE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// One line for the headings and one a job. Where they are given, `columns` are
// what a line may take: then the reason is cut, and whole columns that matter
// less are left out, never the ID.
[[nodiscard]] std::string JobTable(const std::vector<Job>& jobs, absl::Time now,
                                   std::optional<int> columns);

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_JOB_TABLE_H_
