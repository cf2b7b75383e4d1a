#include "client/private_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// Room for "/prefix-XXXXXX/coordinator.sock" within a socket's 108 bytes.
constexpr size_t kMaxParentLength = 60;

std::string TemporaryParent() {
  const char* variable = getenv("TMPDIR");
  if (variable == nullptr || variable[0] != '/') return "/tmp";
  std::string parent = variable;
  return parent.size() > kMaxParentLength ? "/tmp" : parent;
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
