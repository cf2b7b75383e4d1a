// SHA-256, for content hashes, manifests and schedule digests (OpenSSL's EVP).
#ifndef HP_COMMON_BASE_DIGEST_H_
#define HP_COMMON_BASE_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// An incremental SHA-256. Not thread-safe; movable.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  // Adds `size` bytes at `data`.
  void Update(const void* data, size_t size);
  void Update(absl::string_view bytes);

  // 64 lower-case hex digits. Call once; Update is not allowed after it.
  [[nodiscard]] std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The hex digest of `bytes`.
[[nodiscard]] std::string Sha256Hex(absl::string_view bytes);

// The hex digest of a file's content. Codes: NotFound, Unavailable (read
// error).
[[nodiscard]] absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

// One file of a folder, a checkpoint's for instance.
struct FileEntry {
  std::string name;  // plain, without a folder
  int64_t bytes = 0;
  std::string sha256;  // 64 lower-case hex digits

  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_DIGEST_H_
