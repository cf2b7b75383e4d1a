// Names of cache entries. A key is the SHA-256 of everything that decides the
// entry's content and of nothing else, so that an edited clip, prompt or
// setting is noticed, and a renamed clip or an unrelated setting is not.
#ifndef HP_STAGE_DATA_CACHE_KEY_H_
#define HP_STAGE_DATA_CACHE_KEY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/data/media_facts.h"

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
  // How the medium is read where the first releases read it otherwise: see
  // ReadingOf. Empty: as they did, and so is the key.
  std::string reading = {};
};

// What of a sample decides how its medium is read.
struct ReadingParts {
  int64_t frames = 0;         // that are asked for
  uint32_t background = 0;    // data.alpha: 0xRRGGBB
  bool refuse_alpha = false;  // data.alpha is refuse
};

// LatentsKeyParts::reading. The first releases turned no picture, and no clip
// of which one frame was asked for; took the colours below transparency for the
// picture; took HDR for SDR; took every pixel for a square; and had FFmpeg read
// an AVIF under another name. A medium of which none of this is true has the
// key that it always had: its latents are the same. What they could not read at
// all needs no word of its own.
[[nodiscard]] std::string ReadingOf(const MediaFacts& facts,
                                    const ReadingParts& parts);

[[nodiscard]] std::string LatentsKey(const LatentsKeyParts& parts);

// `cleaned_prompt`: after the tokenizer's text cleaning; two prompts that clean
// to one text share an entry.
[[nodiscard]] std::string ContextKey(absl::string_view cleaned_prompt,
                                     absl::string_view text_encoder_digest,
                                     absl::string_view tokenizer_digest);

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_CACHE_KEY_H_
