// Encoded clips and prompts on disk, one safetensors file an entry:
// <dir>/<kind>-<key>.safetensors. An entry is written under a temporary name
// and renamed (AtomicFile), so a file that is there is whole.
#ifndef HP_STAGE_DATA_LATENT_CACHE_H_
#define HP_STAGE_DATA_LATENT_CACHE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

enum class CacheKind { kLatents, kContext };

// Where entries are; it neither reads nor writes tensors. Immutable, so every
// method may be called from any thread, and many processes may share a folder.
class LatentCache {
 public:
  // Creates the folder. PermissionDenied, ResourceExhausted or Unavailable when
  // that is not possible; the message says which setting chooses the folder.
  [[nodiscard]] static absl::StatusOr<LatentCache> Open(const std::string& dir);

  [[nodiscard]] std::string PathOf(CacheKind kind, absl::string_view key) const;

  [[nodiscard]] bool Has(CacheKind kind, absl::string_view key) const;

  // For ContentHashes, beside the entries.
  [[nodiscard]] std::string hash_index_path() const;

  // For MediaFactsIndex, beside the entries.
  [[nodiscard]] std::string facts_index_path() const;

  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  explicit LatentCache(std::string dir) : dir_(std::move(dir)) {}

  std::string dir_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_LATENT_CACHE_H_
