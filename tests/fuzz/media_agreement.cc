#include "fuzz/media_agreement.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "stage/data/decoder_client.h"
#include "stage/data/media_inspection.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

std::string Cut(std::string content, Draw* draw) {
  content.resize(draw->Below(content.size()));
  return content;
}

std::string WithOtherBytes(std::string content, Draw* draw) {
  for (size_t i = 1 + draw->Below(50); i > 0; --i) {
    content[draw->Below(content.size())] = static_cast<char>(draw->Below(256));
  }
  return content;
}

// A run of zeros or of noise, as of a block that never came.
std::string WithoutBlock(std::string content, Draw* draw) {
  const size_t begin = draw->Below(content.size());
  const size_t end = begin + draw->Below(content.size() - begin) + 1;
  const bool noise = draw->OneIn(2);
  for (size_t i = begin; i < end; ++i) {
    content[i] = noise ? static_cast<char>(draw->Below(256)) : '\0';
  }
  return content;
}

std::string WithMore(std::string content, Draw* draw) {
  content.append(content, 0, draw->Below(content.size()));
  return content;
}

std::string Damaged(const std::string& content, Draw* draw) {
  using Damage = std::string (*)(std::string, Draw*);
  const std::vector<Damage> damages = {Cut, WithOtherBytes, WithoutBlock,
                                       WithMore};
  return draw->From(damages)(content, draw);
}

// What a person may ask for.
DecodeItem Asked(const std::string& path, Draw* draw) {
  const std::vector<uint32_t> frames = {1, 5, 9};
  return {.path = path,
          .frames = draw->From(frames),
          .height = 48,
          .width = 64,
          .refuse_transparency = draw->OneIn(8)};
}

using Facts = std::vector<absl::StatusOr<MediaFacts>>;

// What a run would make of each: the facts beside the pixels.
absl::StatusOr<Facts> Decoded(const std::vector<DecodeItem>& items,
                              const std::string& decoder) {
  Facts facts;
  HP_RETURN_IF_ERROR(
      DecoderClient({.program = decoder})
          .DecodeBatch(items, [&](size_t, absl::StatusOr<DecodedClip> clip) {
            facts.push_back(clip.ok() ? absl::StatusOr<MediaFacts>(clip->facts)
                                      : clip.status());
            return absl::OkStatus();
          }));
  return facts;
}

absl::StatusOr<Facts> Inspected(std::vector<DecodeItem> items, DecodeMode mode,
                                const std::string& decoder) {
  for (DecodeItem& item : items) item.mode = mode;
  return InspectMedia(items, {.decoder = {.program = decoder}});
}

// What a scan keys the cache by.
bool AgreeOnKind(const MediaFacts& a, const MediaFacts& b) {
  return a.is_picture == b.is_picture && a.is_turned == b.is_turned &&
         a.is_hdr == b.is_hdr && a.is_heif == b.is_heif;
}

// What is wrong with a refusal by the run; "" where nothing is.
std::string RefusalVerdict(const DecodeItem& item, bool is_sound,
                           const absl::Status& refusal) {
  const std::string message(refusal.message());
  if (!absl::StrContains(message, item.path)) {
    return "it is not named in: " + message;
  }
  const bool may_refuse =
      !is_sound || item.refuse_transparency || absl::IsOutOfRange(refusal);
  return may_refuse ? "" : "it is refused: " + message;
}

// What differs between the three; "" where nothing does.
std::string Verdict(const DecodeItem& item, bool is_sound,
                    const absl::StatusOr<MediaFacts>& ran,
                    const absl::StatusOr<MediaFacts>& checked,
                    const absl::StatusOr<MediaFacts>& scanned) {
  if (ran.status() != checked.status()) {
    return absl::StrCat("check and run differ: ", checked.status().ToString(),
                        " / ", ran.status().ToString());
  }
  if (!ran.ok()) return RefusalVerdict(item, is_sound, ran.status());
  if (!(*ran == *checked)) return "check and run differ in the facts";
  if (!scanned.ok()) {
    return "a scan refuses what a run reads: " + scanned.status().ToString();
  }
  return AgreeOnKind(*scanned, *ran) ? "" : "a scan and a run differ in kind";
}

}  // namespace

absl::StatusOr<MediaAgreement> MediaAgreement::Open(
    const std::string& folder, const std::string& decoder) {
  std::vector<Medium> media;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".rgb")
      continue;
    HP_ASSIGN_OR_RETURN(std::string content, ReadFile(entry.path().string()));
    media.push_back({entry.path().filename().string(), std::move(content)});
  }
  if (media.empty()) {
    return absl::NotFoundError(absl::StrCat(folder, ": holds no media"));
  }
  // A seed means the same on every file system.
  std::sort(media.begin(), media.end(),
            [](const Medium& a, const Medium& b) { return a.name < b.name; });
  return MediaAgreement(std::move(media), decoder);
}

std::string MediaAgreement::Compare(const std::vector<std::string>& paths,
                                    Draw* draw) {
  std::vector<DecodeItem> items;
  std::vector<std::string> origins;
  std::vector<bool> is_sound;
  for (const std::string& path : paths) {
    const Medium& medium = draw->From(media_);
    is_sound.push_back(draw->OneIn(2));
    origins.push_back(medium.name);
    WriteTo(path,
            is_sound.back() ? medium.content : Damaged(medium.content, draw));
    items.push_back(Asked(path, draw));
  }
  const absl::StatusOr<Facts> run = Decoded(items, decoder_);
  const absl::StatusOr<Facts> check =
      Inspected(items, DecodeMode::kInspect, decoder_);
  const absl::StatusOr<Facts> scan =
      Inspected(items, DecodeMode::kProbe, decoder_);
  for (const auto* all : {&run, &check, &scan}) {
    if (!all->ok()) return all->status().ToString();
  }
  std::vector<std::string> wrong;
  for (size_t i = 0; i < items.size(); ++i) {
    ++((*run)[i].ok() ? read_ : refused_);
    const std::string verdict =
        Verdict(items[i], is_sound[i], (*run)[i], (*check)[i], (*scan)[i]);
    if (verdict.empty()) continue;
    wrong.push_back(absl::StrCat(items[i].path, " (",
                                 is_sound[i] ? "sound " : "damaged ",
                                 origins[i], "): ", verdict));
  }
  return absl::StrJoin(wrong, "\n");
}

}  // namespace halfpipe
