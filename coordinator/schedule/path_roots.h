// Keeps the paths of jobs within the folders that an operator has named.
#ifndef HP_COORDINATOR_SCHEDULE_PATH_ROOTS_H_
#define HP_COORDINATOR_SCHEDULE_PATH_ROOTS_H_

#include <string>

#include "absl/status/status.h"
#include "common/config/job_config.h"
#include "common/config/service_config.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// OK when every path of a job lies in the roots for its kind, or there are no
// roots. Links are followed as far as the path exists on this machine, of the
// path and of the root, so that neither ".." nor a link leads out; what comes
// behind that is taken as it is written. InvalidArgument: one line for each
// bad path, with its key and the roots. A path key that this function does not
// know is refused, too. Thread-safe; touches the file system.
[[nodiscard]] absl::Status CheckPaths(const PathRootsConfig& roots,
                                      const JobConfig& config,
                                      const std::string& record_dir);

// The same for the files that a stage found for the samples of a data set: a
// clip that is a link out of the roots, or is named by a metadata file that
// leads out. `result` as it is, or, for a scan with such files,
// InvalidArgument with the first of them.
[[nodiscard]] CommandResult ConfineScan(const PathRootsConfig& roots,
                                        CommandResult result);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_PATH_ROOTS_H_
