// Bearer tokens as the service keeps them: a text file with one line a token,
//   NAME ROLE SHA-256 [pair=PAIR] [certificate=NAME]
// blank lines and lines that start with # aside. The file never holds a token:
// one has 256 random bits, so its plain SHA-256 cannot be turned back.
#ifndef HP_COMMON_AUTH_TOKEN_FILE_H_
#define HP_COMMON_AUTH_TOKEN_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Which calls each may make is coordinator/api/method_roles.cc's table.
enum class Role {
  kRead,    // look at jobs
  kSubmit,  // and create, stop and resume them
  kAdmin,   // and everything else that a person may do
  kStage,   // what a stage process does, and nothing that a person does
};

// "read", "submit", "admin" or "stage".
[[nodiscard]] absl::string_view RoleName(Role role);
[[nodiscard]] std::optional<Role> ParseRole(absl::string_view name);

// Who a token belongs to, and where it counts.
struct Identity {
  std::string name;
  Role role = Role::kRead;
  // The only pair that a stage with it may be part of; empty: any.
  std::string pair = {};
  // A name (common or alternative) that the certificate of its connection must
  // have, so that a stolen token alone is worth nothing; empty: any, or none.
  std::string certificate = {};
};

struct TokenEntry {
  Identity identity;
  std::string digest;  // SHA-256 of the token, hex
};

// A new token, "hpt_" and 43 characters of URL-safe base64. Unavailable: the
// system has no random bytes.
[[nodiscard]] absl::StatusOr<std::string> NewToken();

// The entries of a file's text; `file_name` is for messages. InvalidArgument:
// every bad line, as "file:line: what is wrong".
[[nodiscard]] absl::StatusOr<std::vector<TokenEntry>> ParseTokens(
    absl::string_view text, absl::string_view file_name);

// The text of a file that exists. Codes: ReadFile's; FailedPrecondition for
// what is no regular file.
[[nodiscard]] absl::StatusOr<std::string> ReadTokenText(
    const std::string& path);

// ParseTokens of it.
[[nodiscard]] absl::StatusOr<std::vector<TokenEntry>> ReadTokenFile(
    const std::string& path);

// Edits wait for each other, half a minute at most (Unavailable then), so that
// none is lost. They replace the file as a whole, that which a link leads to,
// and keep its owner, group, mode and access list: PermissionDenied where this
// process may not, and nothing has changed.

// Adds a token to the file, which need not exist (mode 0600 then), and returns
// it: this is the only time that anybody sees it. AlreadyExists: the name is
// taken; InvalidArgument: no name of 1 to 64 of [A-Za-z0-9._@-], a pair for
// another role than `stage`, what cannot be written in a line, or a bad file.
[[nodiscard]] absl::StatusOr<std::string> AddToken(const std::string& path,
                                                   const Identity& identity);

// Takes a token out of the file. NotFound: there is none of that name.
[[nodiscard]] absl::Status RemoveToken(const std::string& path,
                                       absl::string_view name);

// Whose token it is, compared in constant time with every entry; nullptr for
// nobody's. FindDigest: by its SHA-256.
[[nodiscard]] const TokenEntry* FindDigest(
    const std::vector<TokenEntry>& entries, absl::string_view digest);
[[nodiscard]] const TokenEntry* FindToken(
    const std::vector<TokenEntry>& entries, absl::string_view token);

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_TOKEN_FILE_H_
