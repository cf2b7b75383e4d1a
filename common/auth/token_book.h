// The tokens of a running service: a token file that may change under it.
#ifndef HP_COMMON_AUTH_TOKEN_BOOK_H_
#define HP_COMMON_AUTH_TOKEN_BOOK_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/auth/token_file.h"

namespace halfpipe {

// Looks at the file at most once a second and reads it again when it was
// replaced or written, so that a token that was taken out stops working
// without a restart. A file that is gone or broken by then changes nothing: a
// slip must not lock everybody out. It is reported in the log and by Problem.
// Seconds are those of a clock that nobody sets. Thread-safe.
class TokenBook {
 public:
  // Reads the file. FailedPrecondition: it has no token, or others than its
  // owner and group may write to it. Else ReadTokenFile's codes; the message
  // names the file and says what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TokenBook>> Open(
      const std::string& path);

  // Whose token it is; nullopt for nobody's. May read the file.
  [[nodiscard]] std::optional<Identity> Find(absl::string_view token);
  // The same by the SHA-256 of the token, for what lasts longer than a call.
  [[nodiscard]] std::optional<Identity> FindDigest(absl::string_view digest);
  // Whether it is a token of any role but `stage`, and not bound to a
  // certificate: who may read metrics.
  [[nodiscard]] bool IsPerson(absl::string_view token);

  // Looks at the file if a second has passed. For a service that nobody calls.
  void Look();
  // Reads the file now, whether it seems to have changed or not. What it says
  // is why it cannot be read; the tokens from before stay then.
  absl::Status Reload();
  // Why the file could not be read when it was last tried; empty: it could.
  [[nodiscard]] std::string Problem();
  // Of the text that the tokens come from: its SHA-256, hex.
  [[nodiscard]] std::string TextDigest();
  // Rises when other tokens are in force.
  [[nodiscard]] int64_t version();

 private:
  // What tells one state of the file from another.
  struct Stamp {
    ino_t inode = 0;
    int64_t bytes = 0;
    int64_t changed_ns = 0;

    bool operator==(const Stamp&) const = default;
  };

  struct Content {
    std::vector<TokenEntry> entries;
    std::string text_digest;
    Stamp stamp;
  };

  TokenBook(std::string path, Content content);

  [[nodiscard]] static absl::StatusOr<Content> Read(const std::string& path);
  [[nodiscard]] static absl::StatusOr<Stamp> StampOf(const std::string& path);
  void RefreshIfDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReadAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  absl::Mutex mutex_;
  Content content_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::Time next_look_ ABSL_GUARDED_BY(mutex_);
  std::string problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_TOKEN_BOOK_H_
