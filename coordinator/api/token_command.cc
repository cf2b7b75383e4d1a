#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/auth/token_file.h"
#include "common/base/status.h"
#include "coordinator/api/commands.h"
#include "coordinator/api/reload_desk.h"

namespace halfpipe {
namespace {

struct TokenOptions {
  std::string path;
  std::string role;
  std::string name;
  std::string pair;
  std::string certificate;
};

// Says whether the edit is in force; `what` was done to the file.
absl::Status ReportReload(const TokenOptions& options, const char* what) {
  const absl::StatusOr<int> services = AskToReload(options.path);
  if (!services.ok()) {
    return absl::UnavailableError(absl::StrCat(
        options.path, " was changed (", what, "), but ",
        services.status().message(),
        ": until it has read the file, the tokens from before go on working "
        "there"));
  }
  if (*services == 0) {
    std::fprintf(stderr,
                 "No running service on this machine follows %s: one in "
                 "another container does within a second, and else the next "
                 "to start.\n",
                 options.path.c_str());
  } else {
    std::fprintf(stderr, "The running service has read it: %s.\n", what);
  }
  return absl::OkStatus();
}

// What whoever makes the file has to do for a service that runs as another
// user.
void TellOfNewFile(const TokenOptions& options) {
  std::fprintf(stderr,
               "%s is new, and only this user can read it. If the service runs "
               "as another user, give the file the service's group (chgrp) and "
               "mode 640; later edits keep both.\n",
               options.path.c_str());
}

// Alone on standard output, so that a script can put it into a file.
absl::Status Add(const TokenOptions& options) {
  const std::optional<Role> role = ParseRole(options.role);
  HP_CHECK(role.has_value());  // the parser has checked it
  const bool is_new = !std::filesystem::exists(options.path);
  HP_ASSIGN_OR_RETURN(const std::string token,
                      AddToken(options.path, {options.name, *role, options.pair,
                                              options.certificate}));
  std::printf("%s\n", token.c_str());
  std::fprintf(stderr,
               "This is the only time that the token of %s is shown; %s holds "
               "its SHA-256.\n",
               options.name.c_str(), options.path.c_str());
  std::fflush(stdout);  // whatever becomes of the rest
  if (is_new) TellOfNewFile(options);
  return ReportReload(options, "the token works now");
}

absl::Status Remove(const TokenOptions& options) {
  HP_RETURN_IF_ERROR(RemoveToken(options.path, options.name));
  return ReportReload(options, "the token works no more");
}

absl::Status List(const TokenOptions& options) {
  HP_ASSIGN_OR_RETURN(const std::vector<TokenEntry> entries,
                      ReadTokenFile(options.path));
  for (const TokenEntry& entry : entries) {
    const Identity& identity = entry.identity;
    std::string line =
        absl::StrCat(identity.name, " ", RoleName(identity.role));
    if (!identity.pair.empty()) absl::StrAppend(&line, " pair=", identity.pair);
    if (!identity.certificate.empty()) {
      absl::StrAppend(&line, " certificate=", identity.certificate);
    }
    std::printf("%s\n", line.c_str());
  }
  return absl::OkStatus();
}

CLI::App* AddVerb(CLI::App* token, const std::string& name,
                  const std::string& description, TokenOptions* options) {
  CLI::App* verb = token->add_subcommand(name, description);
  verb->add_option("--tokens", options->path, "the token file")
      ->required()
      ->envname("HALFPIPE_TOKENS");
  return verb;
}

void AddNameFlag(CLI::App* verb, TokenOptions* options) {
  verb->add_option("--name", options->name, "whose token it is")->required();
}

}  // namespace

void AddTokenCommand(CLI::App& app, TokenAction* action) {
  CLI::App* token = app.add_subcommand("token", "tokens that are let in");
  token->require_subcommand(1);
  const auto options = std::make_shared<TokenOptions>();
  const auto set = [action, options](absl::Status (*run)(const TokenOptions&)) {
    return [action, options, run] {
      *action = [options, run] { return run(*options); };
    };
  };
  CLI::App* add =
      AddVerb(token, "add", "make a token and print it", options.get());
  AddNameFlag(add, options.get());
  add->add_option("--role", options->role, "read, submit, admin or stage")
      ->required()
      ->check(CLI::IsMember({"read", "submit", "admin", "stage"}));
  add->add_option("--pair", options->pair,
                  "The only pair that a stage with this token may join");
  add->add_option("--certificate", options->certificate,
                  "The token is accepted only with a client certificate of "
                  "this name (mutual TLS)");
  add->callback(set(&Add));
  AddVerb(token, "list", "names, roles and what they are bound to",
          options.get())
      ->callback(set(&List));
  CLI::App* remove =
      AddVerb(token, "remove", "let a token in no more", options.get());
  AddNameFlag(remove, options.get());
  remove->callback(set(&Remove));
}

}  // namespace halfpipe
