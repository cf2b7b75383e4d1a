// An error that only a fresh process with other environment variables can
// cure: some libraries read their variables once in a process's life.
#ifndef HP_STAGE_RUNTIME_RESTART_ENVIRONMENT_H_
#define HP_STAGE_RUNTIME_RESTART_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace halfpipe {

// Puts "NAME=value" assignments on a failed status, as a part of its Failure
// (common/base/failure.h), which Annotate keeps.
void SetRestartEnvironment(const std::vector<std::string>& assignments,
                           absl::Status* status);

// The assignments of a status; empty when it carries none.
[[nodiscard]] std::vector<std::string> RestartEnvironmentOf(
    const absl::Status& status);

// Replaces this process by a fresh start of the same program with `arguments`
// (argv, the program's name included) and the assignments in its environment;
// the process id stays, so a supervisor sees no exit. Returns only on failure,
// with Unavailable. Call it when no other thread needs an orderly end.
[[nodiscard]] absl::Status RestartProcess(
    const std::vector<std::string>& arguments,
    const std::vector<std::string>& assignments);

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_RESTART_ENVIRONMENT_H_
