#include "stage/data/media_facts_index.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

using Json = nlohmann::json;

// To be raised when the decoder finds other facts in the same file.
constexpr int kVersion = 3;
constexpr size_t kDigestBytes = 64;

MediaFacts FactsOf(const Json& line) {
  MediaFacts facts;
  facts.is_picture = line.at("picture").get<bool>();
  facts.frames = line.at("frames").get<int64_t>();
  facts.size.width = line.at("width").get<int>();
  facts.size.height = line.at("height").get<int>();
  facts.frames_per_second = line.at("rate").get<double>();
  facts.is_turned = line.at("turned").get<bool>();
  facts.first_transparent_frame = line.at("transparent").get<int64_t>();
  facts.is_hdr = line.at("hdr").get<bool>();
  facts.is_heif = line.at("heif").get<bool>();
  facts.is_anamorphic = line.at("anamorphic").get<bool>();
  facts.is_interlaced = line.at("interlaced").get<bool>();
  return facts;
}

Json LineOf(const std::string& media_digest, int64_t searched,
            const MediaFacts& facts) {
  return {{"version", kVersion},
          {"sha256", media_digest},
          {"searched", searched},
          {"picture", facts.is_picture},
          {"frames", facts.frames},
          {"width", facts.size.width},
          {"height", facts.size.height},
          {"rate", facts.frames_per_second},
          {"turned", facts.is_turned},
          {"transparent", facts.first_transparent_frame},
          {"hdr", facts.is_hdr},
          {"heif", facts.is_heif},
          {"anamorphic", facts.is_anamorphic},
          {"interlaced", facts.is_interlaced}};
}

}  // namespace

MediaFactsIndex::MediaFactsIndex(std::string path) : path_(std::move(path)) {
  absl::StatusOr<std::string> text = ReadFile(path_);
  if (!text.ok()) return;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) LoadLine(line);
}

void MediaFactsIndex::LoadLine(absl::string_view line) {
  const Json entry = Json::parse(line.begin(), line.end(), nullptr,
                                 /*allow_exceptions=*/false);
  if (!entry.is_object()) return;
  try {
    if (entry.at("version").get<int>() != kVersion) return;
    const auto digest = entry.at("sha256").get<std::string>();
    if (digest.size() != kDigestBytes) return;
    entries_[digest] = {.searched = entry.at("searched").get<int64_t>(),
                        .facts = FactsOf(entry)};
  } catch (const Json::exception&) {
    // A line of another version: the file is looked at again.
  }
}

std::optional<MediaFacts> MediaFactsIndex::Find(const std::string& media_digest,
                                                int64_t frames) const {
  auto known = entries_.find(media_digest);
  if (known == entries_.end()) return std::nullopt;
  const Entry& entry = known->second;
  if (entry.searched < frames && entry.facts.first_transparent_frame < 0) {
    return std::nullopt;
  }
  return entry.facts;
}

void MediaFactsIndex::Remember(const std::string& media_digest, int64_t frames,
                               const MediaFacts& facts) {
  entries_[media_digest] = {.searched = frames, .facts = facts};
  changed_ = true;
}

absl::Status MediaFactsIndex::Save() {
  if (!changed_) return absl::OkStatus();
  std::string text;
  for (const auto& [digest, entry] : entries_) {
    absl::StrAppend(&text, LineOf(digest, entry.searched, entry.facts).dump(),
                    "\n");
  }
  HP_RETURN_IF_ERROR(WriteFileAtomically(path_, text));
  changed_ = false;
  return absl::OkStatus();
}

}  // namespace halfpipe
