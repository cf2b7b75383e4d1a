#include "stage/runtime/restart_environment.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace halfpipe {
namespace {

constexpr char kPayloadName[] = "halfpipe/restart-environment";

}  // namespace

void SetRestartEnvironment(const std::vector<std::string>& assignments,
                           absl::Status* status) {
  status->SetPayload(kPayloadName,
                     absl::Cord(absl::StrJoin(assignments, "\n")));
}

std::vector<std::string> RestartEnvironmentOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadName);
  if (!payload.has_value()) return {};
  return absl::StrSplit(std::string(*payload), '\n', absl::SkipEmpty());
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
