#include "common/base/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  HP_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(const void* data, size_t size) {
  HP_CHECK(EVP_DigestUpdate(state_->context, data, size) == 1);
}

void Sha256::Update(absl::string_view bytes) {
  Update(bytes.data(), bytes.size());
}

std::string Sha256::HexDigest() {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  HP_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1);
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string Sha256Hex(absl::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.HexDigest();
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  HP_ASSIGN_OR_RETURN(const int fd, OpenRegularFile(path));
  std::FILE* file = fdopen(fd, "rb");
  if (file == nullptr) {
    const int error = errno;
    close(fd);
    return FileErrnoStatus(error, "cannot open", path);
  }
  absl::Cleanup close = [file] { std::fclose(file); };
  Sha256 sha;
  std::vector<char> buffer(size_t{1} << 20);
  while (size_t got = std::fread(buffer.data(), 1, buffer.size(), file)) {
    sha.Update(buffer.data(), got);
  }
  if (std::ferror(file) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot read ", path));
  }
  return sha.HexDigest();
}

}  // namespace halfpipe
