#include "client/local/private_directory.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// Room for "/prefix-XXXXXX/coordinator.sock" within a socket's 108 bytes.
constexpr size_t kMaxParentLength = 60;

// gRPC takes a socket's path as part of an URI, and such a character there as
// something else.
bool IsPlain(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '/' ||
         c == '.' || c == '_' || c == '-';
}

std::string TemporaryParent() {
  const char* variable = getenv("TMPDIR");
  if (variable == nullptr || variable[0] != '/') return "/tmp";
  const std::string parent = variable;
  const bool holds_sockets = parent.size() <= kMaxParentLength &&
                             std::all_of(parent.begin(), parent.end(), IsPlain);
  return holds_sockets ? parent : "/tmp";
}

}  // namespace

absl::StatusOr<PrivateDirectory> PrivateDirectory::Create(
    absl::string_view prefix) {
  std::string path = absl::StrCat(TemporaryParent(), "/", prefix, "-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  }
  return PrivateDirectory(std::move(path));
}

PrivateDirectory::PrivateDirectory(PrivateDirectory&& other) noexcept
    : path_(std::exchange(other.path_, "")) {}

PrivateDirectory::~PrivateDirectory() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace halfpipe
