// The facts of media, remembered by their content between runs.
#ifndef HP_STAGE_DATA_MEDIA_FACTS_INDEX_H_
#define HP_STAGE_DATA_MEDIA_FACTS_INDEX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/data/media_facts.h"

namespace halfpipe {

// A file of JSON lines {version, sha256, ...}. It only saves time: lines that
// cannot be read, and those of another version, are dropped, and of two
// processes that save at once one wins. Thread-compatible.
class MediaFactsIndex {
 public:
  // A file that does not exist is an empty index.
  explicit MediaFactsIndex(std::string path);

  // By the hex SHA-256 of the medium's content; nullopt: not known, or known of
  // fewer than its first `frames` frames (they may be opaque and a later one
  // not).
  [[nodiscard]] std::optional<MediaFacts> Find(const std::string& media_digest,
                                               int64_t frames) const;

  // What was found in the first `frames` frames.
  void Remember(const std::string& media_digest, int64_t frames,
                const MediaFacts& facts);

  // Writes the index if it changed, atomically.
  [[nodiscard]] absl::Status Save();

 private:
  struct Entry {
    int64_t searched = 0;  // frames
    MediaFacts facts;
  };

  void LoadLine(absl::string_view line);

  const std::string path_;
  std::unordered_map<std::string, Entry> entries_;
  bool changed_ = false;
};

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_MEDIA_FACTS_INDEX_H_
