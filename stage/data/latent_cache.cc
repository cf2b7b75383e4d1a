#include "stage/data/latent_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::string_view KindName(CacheKind kind) {
  return kind == CacheKind::kLatents ? "latents" : "context";
}

}  // namespace

absl::StatusOr<LatentCache> LatentCache::Open(const std::string& dir) {
  absl::Status made = MakeDirectories(dir);
  if (made.ok() && access(dir.c_str(), W_OK | X_OK) != 0) {
    made = FileErrnoStatus(errno, "cannot write to", dir);
  }
  // A file where a folder belongs is a wrong setting, not a failed job.
  if (absl::IsFailedPrecondition(made)) {
    made = absl::InvalidArgumentError(made.message());
  }
  if (!made.ok()) {
    return Annotate(made, "the cache folder (set data.cache_dir)");
  }
  return LatentCache(dir);
}

std::string LatentCache::PathOf(CacheKind kind, absl::string_view key) const {
  return absl::StrCat(dir_, "/", KindName(kind), "-", key, ".safetensors");
}

bool LatentCache::Has(CacheKind kind, absl::string_view key) const {
  struct stat info;
  return stat(PathOf(kind, key).c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         info.st_size > 0;
}

std::string LatentCache::hash_index_path() const {
  return absl::StrCat(dir_, "/content-hashes.jsonl");
}

std::string LatentCache::facts_index_path() const {
  return absl::StrCat(dir_, "/media-facts.jsonl");
}

}  // namespace halfpipe
