#include "stage/data/cache_key.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/digest.h"

namespace halfpipe {
namespace {

// To be raised when the code makes other tensors of the same inputs, or stores
// them differently.
constexpr int kLatentsVersion = 1;
constexpr int kContextVersion = 1;

// Each part with its name and length, so that no two lists of parts give the
// same bytes.
class KeyDigest {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    digest_.Update(absl::StrCat(name, ":", value.size(), ":"));
    digest_.Update(value);
  }

  void Add(absl::string_view name, int64_t value) {
    Add(name, absl::StrCat(value));
  }

  std::string Hex() { return digest_.HexDigest(); }

 private:
  Sha256 digest_;
};

}  // namespace

std::string LatentsKey(const LatentsKeyParts& parts) {
  KeyDigest digest;
  digest.Add("latents", kLatentsVersion);
  digest.Add("media", parts.media_digest);
  digest.Add("height", parts.height);
  digest.Add("width", parts.width);
  digest.Add("max_pixels", parts.max_pixels);
  digest.Add("frames", parts.frames);
  digest.Add("vae", parts.vae_digest);
  digest.Add("conditioning", parts.conditioning);
  digest.Add("clip", parts.clip_digest);
  if (!parts.reading.empty()) digest.Add("reading", parts.reading);
  return digest.Hex();
}

std::string ReadingOf(const MediaFacts& facts, const ReadingParts& parts) {
  std::vector<std::string> words;
  if (facts.is_heif) words.emplace_back("heif");
  if (facts.is_turned && (facts.is_picture || parts.frames == 1)) {
    words.emplace_back("turned");
  }
  if (facts.first_transparent_frame >= 0 &&
      facts.first_transparent_frame < parts.frames) {
    words.push_back(parts.refuse_alpha
                        ? "no alpha"
                        : absl::StrFormat("over %06x", parts.background));
  }
  if (facts.is_hdr) words.emplace_back("tone-mapped");
  if (facts.is_anamorphic) words.emplace_back("square pixels");
  return absl::StrJoin(words, ", ");
}

std::string ContextKey(absl::string_view cleaned_prompt,
                       absl::string_view text_encoder_digest,
                       absl::string_view tokenizer_digest) {
  KeyDigest digest;
  digest.Add("context", kContextVersion);
  digest.Add("prompt", cleaned_prompt);
  digest.Add("text_encoder", text_encoder_digest);
  digest.Add("tokenizer", tokenizer_digest);
  return digest.Hex();
}

}  // namespace halfpipe
