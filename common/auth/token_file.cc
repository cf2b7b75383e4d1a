#include "common/auth/token_file.h"

#include <openssl/crypto.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 20;
constexpr size_t kTokenBytes = 32;
constexpr size_t kDigestDigits = 64;
constexpr size_t kMaxNameBytes = 64;

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '.' || c == '_' || c == '@' || c == '-';
         });
}

bool IsDigest(absl::string_view text) {
  return text.size() == kDigestDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
                  (c >= 'a' && c <= 'f');
         });
}

// The entry of one line, or what is wrong with it in `problem`. The line itself
// is never repeated: somebody may have put a token there.
TokenEntry ParseLine(absl::string_view line, std::string* problem) {
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() != 3) {
    *problem = absl::StrCat("expected NAME ROLE SHA-256, found ", words.size(),
                            " words");
    return {};
  }
  const std::optional<Role> role = ParseRole(words[1]);
  if (!IsName(words[0])) {
    *problem = "the name is not 1 to 64 letters, digits, '.', '_', '@', '-'";
  } else if (!role.has_value()) {
    *problem = "expected the role read, submit, admin or stage";
  } else if (!IsDigest(words[2])) {
    *problem =
        "expected 64 hex digits, the SHA-256 of a token; make one with "
        "halfpipe-coordinator token add";
  }
  return {{words[0], role.value_or(Role::kRead)}, words[2]};
}

std::string LineOf(const TokenEntry& entry) {
  return absl::StrCat(entry.identity.name, " ", RoleName(entry.identity.role),
                      " ", entry.digest, "\n");
}

absl::StatusOr<std::string> TextOrEmpty(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

// Replaces the file. A group that may read it (the service's) still may.
absl::Status WriteTokenFile(const std::string& path,
                            const std::string& content) {
  struct stat before = {};
  const bool is_new = stat(path.c_str(), &before) != 0;
  HP_ASSIGN_OR_RETURN(
      AtomicFile file,
      AtomicFile::Create(path, is_new ? 0600 : before.st_mode & 0777));
  HP_RETURN_IF_ERROR(file.Append(content.data(), content.size()));
  return file.Commit();
}

}  // namespace

absl::StatusOr<std::string> NewToken() {
  std::string bytes(kTokenBytes, '\0');
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    return absl::UnavailableError("the system has no random bytes");
  }
  // The prefix lets scanners for leaked secrets find it.
  return absl::StrCat("hpt_", absl::WebSafeBase64Escape(bytes));
}

absl::StatusOr<std::vector<TokenEntry>> ParseTokens(
    absl::string_view text, absl::string_view file_name) {
  std::vector<TokenEntry> entries;
  std::vector<std::string> problems;
  std::set<std::string> names;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    std::string problem;
    TokenEntry entry = ParseLine(line, &problem);
    if (problem.empty() && !names.insert(entry.identity.name).second) {
      problem =
          absl::StrCat("the name ", entry.identity.name, " is there twice");
    }
    if (!problem.empty()) {
      problems.push_back(absl::StrCat(file_name, ":", number, ": ", problem));
      continue;
    }
    entries.push_back(std::move(entry));
  }
  if (problems.empty()) return entries;
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

absl::StatusOr<std::vector<TokenEntry>> ReadTokenFile(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  return ParseTokens(text, path);
}

absl::StatusOr<std::string> AddToken(const std::string& path,
                                     const Identity& identity) {
  if (!IsName(identity.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a token's name is 1 to 64 letters, digits, '.', '_', "
                     "'@', '-'; found '",
                     identity.name, "'"));
  }
  HP_ASSIGN_OR_RETURN(std::string text, TextOrEmpty(path));
  HP_ASSIGN_OR_RETURN(const std::vector<TokenEntry> entries,
                      ParseTokens(text, path));
  for (const TokenEntry& entry : entries) {
    if (entry.identity.name != identity.name) continue;
    return absl::AlreadyExistsError(absl::StrCat(
        path, " has a token named ", identity.name,
        ": take it out first (token remove), or choose another name"));
  }
  HP_ASSIGN_OR_RETURN(std::string token, NewToken());
  if (!text.empty() && text.back() != '\n') text.push_back('\n');
  text += LineOf({identity, Sha256Hex(token)});
  HP_RETURN_IF_ERROR(WriteTokenFile(path, text));
  return token;
}

absl::Status RemoveToken(const std::string& path, absl::string_view name) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  HP_RETURN_IF_ERROR(ParseTokens(text, path).status());
  // Comments stay.
  std::string kept;
  bool found = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (!words.empty() && words[0] == name && IsName(name)) {
      found = true;
      continue;
    }
    absl::StrAppend(&kept, line, "\n");
  }
  if (!found) {
    return absl::NotFoundError(
        absl::StrCat(path, " has no token named ", name));
  }
  // The text's last line feed has become an empty line.
  if (absl::EndsWith(kept, "\n\n")) kept.pop_back();
  return WriteTokenFile(path, kept);
}

const TokenEntry* FindToken(const std::vector<TokenEntry>& entries,
                            absl::string_view token) {
  const std::string digest = Sha256Hex(token);
  const TokenEntry* found = nullptr;
  for (const TokenEntry& entry : entries) {
    if (CRYPTO_memcmp(digest.data(), entry.digest.data(), kDigestDigits) == 0) {
      found = &entry;
    }
  }
  return found;
}

}  // namespace halfpipe
