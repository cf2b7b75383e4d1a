#include "stage/runtime/restart_environment.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/failure.h"

namespace halfpipe {
void SetRestartEnvironment(const std::vector<std::string>& assignments,
                           absl::Status* status) {
  Failure failure = FailureOf(*status).value_or(Failure());
  failure.restart_environment = assignments;
  SetFailure(failure, status);
}

std::vector<std::string> RestartEnvironmentOf(const absl::Status& status) {
  std::optional<Failure> failure = FailureOf(status);
  if (!failure.has_value()) return {};
  return std::move(failure->restart_environment);
}

absl::Status RestartProcess(const std::vector<std::string>& arguments,
                            const std::vector<std::string>& assignments) {
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos) continue;
    setenv(assignment.substr(0, equals).c_str(),
           assignment.substr(equals + 1).c_str(), /*overwrite=*/1);
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  return absl::UnavailableError(
      absl::StrCat("cannot restart the process: ", std::strerror(errno)));
}

}  // namespace halfpipe
