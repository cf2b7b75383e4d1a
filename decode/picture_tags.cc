#include "decode/picture_tags.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace halfpipe {
namespace {

// Bounds of what is looked at.
constexpr size_t kMaxTagBytes = size_t{1} << 20;
constexpr int kMaxParts = 1 << 16;

// How XMP in a JPEG's APP1 segment begins.
constexpr absl::string_view kXmpName("http://ns.adobe.com/xap/1.0/\0", 29);

// The bytes of something from an offset; fewer at its end.
using ReadBytes = std::function<std::string(int64_t offset, size_t bytes)>;

enum class ByteOrder { kLittle, kBig };

// 0 where there are too few bytes.
uint32_t Number(absl::string_view bytes, size_t size, ByteOrder order) {
  if (bytes.size() < size) return 0;
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    size_t place = order == ByteOrder::kBig ? i : size - 1 - i;
    value = value << 8 | static_cast<uint8_t>(bytes[place]);
  }
  return value;
}

// Of the tags that may come in several places, what was found so far.
struct Found {
  std::optional<int> exif;  // orientation
  std::optional<int> xmp;
  AlphaKind alpha = AlphaKind::kStraight;
  bool has_transparent_colour = false;
  int64_t frames = 0;
};

std::optional<int> Valid(uint32_t orientation) {
  if (orientation < 1 || orientation > 8) return std::nullopt;
  return static_cast<int>(orientation);
}

// TIFF's kinds of a sample beside the colours: 0 is for any use, 1 and 2 are
// transparency.
AlphaKind AlphaOf(uint32_t extra_sample) {
  if (extra_sample == 0) return AlphaKind::kFilling;
  return extra_sample == 1 ? AlphaKind::kPremultiplied : AlphaKind::kStraight;
}

// The first directory of a TIFF structure, which EXIF is, too.
void ReadTiff(const ReadBytes& read, Found* found) {
  constexpr uint32_t kOrientation = 274, kExtraSamples = 338;
  constexpr uint32_t kLongType = 4;
  constexpr size_t kEntryBytes = 12;
  const std::string head = read(0, 8);
  if (head.size() < 8) return;
  const ByteOrder order = head[0] == 'M' ? ByteOrder::kBig : ByteOrder::kLittle;
  absl::string_view view(head);
  if (Number(view.substr(2), 2, order) != 42) return;
  const int64_t offset = Number(view.substr(4), 4, order);
  const uint32_t count = Number(read(offset, 2), 2, order);
  const std::string entries = read(offset + 2, count * kEntryBytes);
  for (size_t i = 0; (i + 1) * kEntryBytes <= entries.size(); ++i) {
    absl::string_view entry(entries.data() + i * kEntryBytes, kEntryBytes);
    const uint32_t tag = Number(entry, 2, order);
    const bool is_long = Number(entry.substr(2), 2, order) == kLongType;
    const uint32_t value = Number(entry.substr(8), is_long ? 4 : 2, order);
    if (tag == kOrientation && !found->exif) found->exif = Valid(value);
    // More than one would not be in place, nor are they read.
    if (tag == kExtraSamples && Number(entry.substr(4), 4, order) == 1) {
      found->alpha = AlphaOf(value);
    }
  }
}

// Only the orientation: the rest of an EXIF block is of the picture that it was
// taken from.
void ReadExif(absl::string_view block, Found* found) {
  constexpr absl::string_view kPrefix("Exif\0\0", 6);
  if (absl::StartsWith(block, kPrefix)) block.remove_prefix(kPrefix.size());
  Found in_block;
  ReadTiff(
      [block](int64_t offset, size_t bytes) {
        if (offset > static_cast<int64_t>(block.size())) return std::string();
        absl::string_view part =
            block.substr(static_cast<size_t>(offset), bytes);
        return std::string(part.data(), part.size());
      },
      &in_block);
  if (!found->exif) found->exif = in_block.exif;
}

// `tiff:Orientation` as an attribute or an element.
void ReadXmp(absl::string_view text, Found* found) {
  constexpr absl::string_view kName = "tiff:Orientation";
  const size_t name = text.find(kName);
  if (name == absl::string_view::npos) return;
  absl::string_view rest = text.substr(name + kName.size());
  for (absl::string_view opening : {"=\"", "='", ">"}) {
    if (!absl::StartsWith(rest, opening)) continue;
    rest.remove_prefix(opening.size());
    if (rest.empty()) return;
    found->xmp = Valid(static_cast<uint32_t>(rest[0]) - '0');
    return;
  }
}

// Segments {0xFF, marker, length u16 that counts itself} up to the pixels.
void ReadJpeg(const ReadBytes& read, Found* found) {
  constexpr uint8_t kApp1 = 0xE1, kStartOfScan = 0xDA;
  int64_t offset = 2;
  for (int i = 0; i < kMaxParts; ++i) {
    const std::string head = read(offset, 4);
    if (head.size() < 4 || static_cast<uint8_t>(head[0]) != 0xFF) return;
    const auto marker = static_cast<uint8_t>(head[1]);
    if (marker == 0xFF) {  // a fill byte
      ++offset;
      continue;
    }
    if (marker == kStartOfScan) return;
    const uint32_t length =
        Number(absl::string_view(head).substr(2), 2, ByteOrder::kBig);
    if (length < 2) return;
    if (marker == kApp1) {
      const std::string content = read(offset + 4, length - 2);
      if (absl::StartsWith(content, "Exif")) ReadExif(content, found);
      if (absl::StartsWith(content, kXmpName)) ReadXmp(content, found);
    }
    offset += 2 + int64_t{length};
  }
}

// Chunks {length u32, type, content, checksum}. eXIf may follow the pixels.
void ReadPng(const ReadBytes& read, Found* found) {
  int64_t offset = 8;
  for (int i = 0; i < kMaxParts; ++i) {
    const std::string head = read(offset, 8);
    if (head.size() < 8) return;
    const uint32_t length = Number(head, 4, ByteOrder::kBig);
    const absl::string_view type = absl::string_view(head).substr(4);
    if (type == "IEND") return;
    if (type == "tRNS") found->has_transparent_colour = true;
    if (type == "acTL") {
      found->frames = Number(read(offset + 8, 4), 4, ByteOrder::kBig);
    }
    if (length <= kMaxTagBytes && type == "eXIf") {
      ReadExif(read(offset + 8, length), found);
    }
    if (length <= kMaxTagBytes && type == "iTXt") {
      const std::string text = read(offset + 8, length);
      if (absl::StartsWith(text, "XML:com.adobe.xmp")) ReadXmp(text, found);
    }
    offset += 12 + int64_t{length};
  }
}

// Chunks {type, length u32, content}, each padded to an even length.
void ReadWebp(const ReadBytes& read, Found* found) {
  int64_t offset = 12;
  for (int i = 0; i < kMaxParts; ++i) {
    const std::string head = read(offset, 8);
    if (head.size() < 8) return;
    const absl::string_view type = absl::string_view(head).substr(0, 4);
    const uint32_t length =
        Number(absl::string_view(head).substr(4), 4, ByteOrder::kLittle);
    if (length <= kMaxTagBytes && (type == "EXIF" || type == "XMP ")) {
      const std::string content = read(offset + 8, length);
      type == "EXIF" ? ReadExif(content, found) : ReadXmp(content, found);
    }
    offset += 8 + int64_t{length} + length % 2;
  }
}

// 32 bits a pixel without masks: the fourth byte is not used.
void ReadBmp(const ReadBytes& read, Found* found) {
  constexpr uint32_t kInfoHeaderBytes = 40;
  const std::string header = read(14, kInfoHeaderBytes);
  if (header.size() < kInfoHeaderBytes) return;
  const absl::string_view view(header);
  const uint32_t bytes = Number(view, 4, ByteOrder::kLittle);
  const uint32_t bits = Number(view.substr(14), 2, ByteOrder::kLittle);
  const uint32_t masks = Number(view.substr(16), 4, ByteOrder::kLittle);
  if (bytes >= kInfoHeaderBytes && bits == 32 && masks == 0) {
    found->alpha = AlphaKind::kFilling;
  }
}

}  // namespace

std::optional<int> OrientationOfRawProfile(absl::string_view text) {
  constexpr int kHeadLines = 3;
  for (int i = 0; i < kHeadLines; ++i) {
    const size_t end = text.find('\n');
    if (end == absl::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  std::string digits;
  for (const char c : text.substr(0, kMaxTagBytes)) {
    if (absl::ascii_isxdigit(static_cast<unsigned char>(c))) digits += c;
  }
  if (digits.size() % 2 != 0) digits.pop_back();
  const std::string bytes = absl::HexStringToBytes(digits);
  Found found;
  absl::StartsWith(bytes, kXmpName) ? ReadXmp(bytes, &found)
                                    : ReadExif(bytes, &found);
  return found.exif ? found.exif : found.xmp;
}

PictureTags ReadPictureTags(const InputFile& file) {
  const ReadBytes read = [&file](int64_t offset, size_t bytes) {
    absl::StatusOr<std::string> content = file.ReadAt(offset, bytes);
    return content.ok() ? *std::move(content) : std::string();
  };
  const std::string head = read(0, 12);
  Found found;
  if (absl::StartsWith(head, "\xFF\xD8")) {
    ReadJpeg(read, &found);
  } else if (absl::StartsWith(head, "\x89PNG")) {
    ReadPng(read, &found);
  } else if (absl::StartsWith(head, "RIFF") && absl::EndsWith(head, "WEBP")) {
    ReadWebp(read, &found);
  } else if (absl::StartsWith(head, absl::string_view("II*\0", 4)) ||
             absl::StartsWith(head, absl::string_view("MM\0*", 4))) {
    ReadTiff(read, &found);
  } else if (absl::StartsWith(head, "BM")) {
    ReadBmp(read, &found);
  }
  return {.orientation = found.exif.value_or(found.xmp.value_or(1)),
          .has_exif_orientation = found.exif.has_value(),
          .alpha = found.alpha,
          .has_transparent_colour = found.has_transparent_colour,
          .frames = found.frames};
}

}  // namespace halfpipe
