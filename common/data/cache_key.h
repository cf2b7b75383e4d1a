// Names of cache entries. A key is the SHA-256 of everything that decides the
// entry's content and of nothing else, so that an edited clip, prompt or
// setting is noticed, and a renamed clip or an unrelated setting is not.
#ifndef HP_COMMON_DATA_CACHE_KEY_H_
#define HP_COMMON_DATA_CACHE_KEY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// What goes into the latents (and y, clip_feature, ...) of one sample. Digests
// are hex SHA-256 of the files' content.
struct LatentsKeyParts {
  std::string media_digest;
  // As asked for: 0, 0 with max_pixels for the clip's own size.
  int64_t height = 0;
  int64_t width = 0;
  int64_t max_pixels = 0;
  int64_t frames = 0;
  std::string vae_digest;
  // Which conditioning is stored beside the latents: "none", "first_frame",
  // ...; with the CLIP encoder's digest where there is one.
  std::string conditioning = "none";
  std::string clip_digest;
};

[[nodiscard]] std::string LatentsKey(const LatentsKeyParts& parts);

// `cleaned_prompt`: after the tokenizer's text cleaning; two prompts that clean
// to one text share an entry.
[[nodiscard]] std::string ContextKey(absl::string_view cleaned_prompt,
                                     absl::string_view text_encoder_digest,
                                     absl::string_view tokenizer_digest);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CACHE_KEY_H_
