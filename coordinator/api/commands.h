// What the coordinator's program does beside serving: `check` looks at the job
// database and its copies, `token add | list | remove` edits the token file by
// hand, and `healthcheck` asks a process of this machine how it is, for a
// container that has neither a shell nor curl.
#ifndef HP_COORDINATOR_API_COMMANDS_H_
#define HP_COORDINATOR_API_COMMANDS_H_

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Adds the subcommand, which takes the program's --config and --state-dir.
CLI::App* AddCheckCommand(CLI::App& app);

// Says on standard output what is wrong with the database of a folder, and
// which copies there are; changes nothing, and may be called while a service
// runs. OK: all of it can be read. DataLoss: what cannot, and the way back. The
// others: it could not be looked at.
[[nodiscard]] absl::Status CheckStateFolder(const std::string& state_dir);

// A named subcommand's work, which prints its result on standard output. Null
// until the parser has seen one.
using TokenAction = std::function<absl::Status()>;

// Registers `token` and its subcommands; `action`, which outlives the parsing,
// is set to the one that was named. Edits ask the coordinators that follow the
// file to read it and say on standard error whether they did; Unavailable: one
// did not, so that the tokens from before go on working there.
void AddTokenCommand(CLI::App& app, TokenAction* action);

struct HealthQuestion {
  // Where the process serves its metrics, in the words that it was told: asked
  // by HTTPS where other machines can reach it, for that is what it serves.
  std::string address;
  // For a server that asks for a token; empty: none.
  std::string token_file = {};
  // By whom the token may be read, over HTTPS: who has this certificate (a PEM
  // file, the server's own), or one for a name of it by somebody in `ca`, for
  // certificates that are renewed while the server runs. Empty: nobody.
  std::string certificate = {};
  std::string ca = {};
};

// GET /healthz, waiting for at most five seconds. Unavailable: nobody answers,
// or the answer says what is wrong. PermissionDenied: it wants a token, or
// another one. InvalidArgument: the address names no port, the token is of no
// use, or there is nothing to know by who would get it. A token is sent over
// HTTPS only after the certificate was checked; without one, whoever answers on
// this machine is believed.
[[nodiscard]] absl::Status CheckHealth(const HealthQuestion& question);

// The same for a command line: 0, or 1 with the reason on standard error under
// `program`'s name. Container engines know no other codes.
[[nodiscard]] int RunHealthCheck(absl::string_view program,
                                 const HealthQuestion& question);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_COMMANDS_H_
