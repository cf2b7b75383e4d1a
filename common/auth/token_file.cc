#include "common/auth/token_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 20;
constexpr size_t kTokenBytes = 32;
constexpr size_t kDigestDigits = 64;
constexpr size_t kMaxNameBytes = 64;
constexpr absl::string_view kPair = "pair=";
constexpr absl::string_view kCertificate = "certificate=";
// Of others that edit the same file; each takes some milliseconds.
constexpr std::chrono::seconds kLongestEdits(30);
constexpr std::chrono::milliseconds kNextTry(5);

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

// Reads one of what may stand behind a line's three words. Says what is wrong
// with it; empty: nothing is.
std::string ReadBinding(absl::string_view word, Identity* identity) {
  const absl::string_view text = word;
  std::string* value = nullptr;
  if (absl::ConsumePrefix(&word, kPair)) value = &identity->pair;
  if (absl::ConsumePrefix(&word, kCertificate)) value = &identity->certificate;
  if (value == nullptr || !value->empty() || word.empty() ||
      FirstUnprintable(word).has_value()) {
    return absl::StrCat("expected pair=PAIR or certificate=NAME, each once, ",
                        "found ", PrintableText(text));
  }
  if (value == &identity->pair && identity->role != Role::kStage) {
    return "only a stage's token is for one pair";
  }
  *value = std::string(word);
  return "";
}

// The entry of one line, or what is wrong with it in `problem`. The line itself
// is never repeated: somebody may have put a token there.
TokenEntry ParseLine(absl::string_view line, std::string* problem) {
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() < 3) {
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
  TokenEntry entry = {{words[0], role.value_or(Role::kRead)}, words[2]};
  for (size_t i = 3; i < words.size() && problem->empty(); ++i) {
    *problem = ReadBinding(words[i], &entry.identity);
  }
  return entry;
}

std::string LineOf(const TokenEntry& entry) {
  const Identity& identity = entry.identity;
  std::string line = absl::StrCat(identity.name, " ", RoleName(identity.role),
                                  " ", entry.digest);
  if (!identity.pair.empty()) {
    absl::StrAppend(&line, " ", kPair, identity.pair);
  }
  if (!identity.certificate.empty()) {
    absl::StrAppend(&line, " ", kCertificate, identity.certificate);
  }
  return absl::StrCat(line, "\n");
}

// Where the file really is: replacing a link would leave the file behind it,
// and whoever reads that one, as it was.
absl::StatusOr<std::string> RealPath(const std::string& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::canonical(path, error);
  if (!error) return real.string();
  std::error_code ignored;
  if (error != std::errc::no_such_file_or_directory ||
      std::filesystem::is_symlink(path, ignored)) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot find ", path));
  }
  const std::filesystem::path given(path);
  const std::filesystem::path folder =
      given.has_parent_path() ? given.parent_path() : ".";
  real = std::filesystem::canonical(folder, error);
  if (!error) return (real / given.filename()).string();
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("cannot find ", folder.string()));
}

// Held while the file is read, changed and replaced. It is on the file itself,
// so that nothing else is left in the folder.
class EditLock {
 public:
  // Makes the file if it is not there.
  static absl::StatusOr<EditLock> Take(const std::string& path) {
    const auto until = std::chrono::steady_clock::now() + kLongestEdits;
    while (true) {
      EditLock lock;
      HP_ASSIGN_OR_RETURN(const bool taken, lock.Try(path));
      if (taken) return lock;
      if (std::chrono::steady_clock::now() > until) {
        return absl::UnavailableError(
            absl::StrCat("another process edits ", path,
                         " and does not end: nothing was changed"));
      }
      std::this_thread::sleep_for(kNextTry);
    }
  }

  EditLock(EditLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  EditLock& operator=(EditLock&&) = delete;

  ~EditLock() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  EditLock() = default;

  // False: another process has it, or has replaced the file in between.
  absl::StatusOr<bool> Try(const std::string& path) {
    // Some file systems lock only what is open for writing.
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd_ < 0 && errno == EACCES) {
      fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (fd_ < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
    }
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return false;
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
    }
    struct stat mine = {};
    struct stat there = {};
    return fstat(fd_, &mine) == 0 && stat(path.c_str(), &there) == 0 &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
  }

  int fd_ = -1;
};

absl::Status WriteTokenFile(const std::string& path,
                            const std::string& content) {
  HP_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, 0600));
  HP_RETURN_IF_ERROR(Annotate(
      file.TakeAccessOf(path),
      "nothing was changed: run this as root, or as the file's owner"));
  HP_RETURN_IF_ERROR(file.Append(content.data(), content.size()));
  return file.Commit();
}

absl::StatusOr<std::string> AddTo(const std::string& path,
                                  const Identity& identity) {
  HP_ASSIGN_OR_RETURN(const EditLock lock, EditLock::Take(path));
  HP_ASSIGN_OR_RETURN(std::string text, ReadTokenText(path));
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

absl::Status RemoveFrom(const std::string& path, absl::string_view name) {
  HP_RETURN_IF_ERROR(ReadTokenText(path).status());  // it is there
  HP_ASSIGN_OR_RETURN(const EditLock lock, EditLock::Take(path));
  HP_ASSIGN_OR_RETURN(const std::string text, ReadTokenText(path));
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

absl::StatusOr<std::string> ReadTokenText(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no file: reading it may never end"));
  }
  return ReadFile(path, kMaxFileBytes);
}

absl::StatusOr<std::vector<TokenEntry>> ReadTokenFile(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadTokenText(path));
  return ParseTokens(text, path);
}

absl::StatusOr<std::string> AddToken(const std::string& path,
                                     const Identity& identity) {
  if (!IsName(identity.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a token's name is 1 to 64 letters, digits, '.', '_', "
                     "'@', '-'; found '",
                     PrintableText(identity.name), "'"));
  }
  // What is written must be read again as it is meant.
  std::string problem;
  const TokenEntry entry = {identity, std::string(kDigestDigits, '0')};
  const TokenEntry read =
      ParseLine(absl::StripSuffix(LineOf(entry), "\n"), &problem);
  if (problem.empty() && (read.identity.pair != identity.pair ||
                          read.identity.certificate != identity.certificate)) {
    problem = "names of pairs and certificates have no blanks here";
  }
  if (!problem.empty()) return absl::InvalidArgumentError(problem);
  HP_ASSIGN_OR_RETURN(const std::string real, RealPath(path));
  return AddTo(real, identity);
}

absl::Status RemoveToken(const std::string& path, absl::string_view name) {
  HP_ASSIGN_OR_RETURN(const std::string real, RealPath(path));
  return RemoveFrom(real, name);
}

const TokenEntry* FindDigest(const std::vector<TokenEntry>& entries,
                             absl::string_view digest) {
  const TokenEntry* found = nullptr;
  if (digest.size() != kDigestDigits) return found;
  for (const TokenEntry& entry : entries) {
    if (CRYPTO_memcmp(digest.data(), entry.digest.data(), kDigestDigits) == 0) {
      found = &entry;
    }
  }
  return found;
}

const TokenEntry* FindToken(const std::vector<TokenEntry>& entries,
                            absl::string_view token) {
  return FindDigest(entries, Sha256Hex(token));
}

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kRead:
      return "read";
    case Role::kSubmit:
      return "submit";
    case Role::kAdmin:
      return "admin";
    case Role::kStage:
      return "stage";
  }
  return "";
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (const Role role :
       {Role::kRead, Role::kSubmit, Role::kAdmin, Role::kStage}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace halfpipe
