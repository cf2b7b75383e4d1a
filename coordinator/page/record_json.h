// What the page's data about one job's past look like. docs/page.md lists the
// fields.
#ifndef HP_COORDINATOR_PAGE_RECORD_JSON_H_
#define HP_COORDINATOR_PAGE_RECORD_JSON_H_

#include <string>
#include <vector>

#include "coordinator/page/job_files.h"
#include "coordinator/page/job_record.h"

namespace halfpipe {

// The steps `from` to `to` as at most `most` points, numbers with six digits,
// and all evaluations.
[[nodiscard]] std::string StepsJson(const JobRecord& record, int64_t from,
                                    int64_t to, size_t most);

[[nodiscard]] std::string LogJson(const JobRecord& record);

[[nodiscard]] std::string SettingsJson(const std::string& yaml);

[[nodiscard]] std::string FilesJson(const std::vector<OfferedFolder>& folders);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_RECORD_JSON_H_
