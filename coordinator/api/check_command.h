// `halfpipe-coordinator check`: looks at the job database and its copies.
#ifndef HP_COORDINATOR_API_CHECK_COMMAND_H_
#define HP_COORDINATOR_API_CHECK_COMMAND_H_

#include <CLI/App.hpp>
#include <string>

#include "absl/status/status.h"

namespace halfpipe {

// Adds the subcommand, which takes the program's --config and --state-dir.
CLI::App* AddCheckCommand(CLI::App& app);

// Says on standard output what is wrong with the database of a folder, and
// which copies there are; changes nothing, and may be called while a service
// runs. OK: all of it can be read. DataLoss: what cannot, and the way back. The
// others: it could not be looked at.
[[nodiscard]] absl::Status CheckStateFolder(const std::string& state_dir);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_CHECK_COMMAND_H_
