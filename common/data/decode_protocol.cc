#include "common/data/decode_protocol.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

class Writer {
 public:
  template <typename Int>
  void Put(Int value) {
    for (size_t i = 0; i < sizeof(Int); ++i) {
      bytes_ += static_cast<char>((uint64_t{value} >> (8 * i)) & 0xFF);
    }
  }

  void PutText(absl::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    bytes_.append(text.data(), text.size());
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads until the first thing that is missing; `ok` says whether all was there.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  template <typename Int>
  Int Get() {
    if (rest_.size() < sizeof(Int)) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(Int); ++i) {
      value |= uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(sizeof(Int));
    return static_cast<Int>(value);
  }

  std::string GetText(uint64_t max_bytes) {
    uint64_t size = Get<uint32_t>();
    if (size > max_bytes || size > rest_.size()) {
      ok_ = false;
      return "";
    }
    std::string text(rest_.data(), size);
    rest_.remove_prefix(size);
    return text;
  }

  // Everything was there, and nothing is left over.
  [[nodiscard]] bool complete() const { return ok_ && rest_.empty(); }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

std::string Message(DecodeMessage type, absl::string_view payload,
                    uint64_t bytes_that_follow = 0) {
  Writer header;
  header.Put(kDecodeMagic);
  header.Put(kDecodeVersion);
  header.Put(static_cast<uint16_t>(type));
  header.Put(uint64_t{payload.size()} + bytes_that_follow);
  return absl::StrCat(header.bytes(), payload);
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed decoder message: ", what));
}

// The first word of an item. Bit 0 was once "this is an image", which is now
// the file's to say.
constexpr uint32_t kModeShift = 1, kModeMask = 3;
constexpr uint32_t kRefuseBit = 1U << 3;
constexpr uint32_t kBackgroundShift = 8;

uint32_t WordOf(const DecodeItem& item) {
  return static_cast<uint32_t>(item.mode) << kModeShift |
         (item.refuse_transparency ? kRefuseBit : 0U) |
         item.background << kBackgroundShift;
}

absl::Status ReadWord(uint32_t word, DecodeItem* item) {
  const uint32_t mode = word >> kModeShift & kModeMask;
  if (mode > static_cast<uint32_t>(DecodeMode::kProbe)) {
    return Malformed("mode of an item");
  }
  item->mode = static_cast<DecodeMode>(mode);
  item->refuse_transparency = (word & kRefuseBit) != 0;
  item->background = word >> kBackgroundShift;
  return absl::OkStatus();
}

// Bits of the facts' first word.
constexpr uint32_t kPictureBit = 1, kTurnedBit = 2, kHdrBit = 4, kHeifBit = 8,
                   kAnamorphicBit = 16, kInterlacedBit = 32;
constexpr uint32_t kAllBits = kPictureBit | kTurnedBit | kHdrBit | kHeifBit |
                              kAnamorphicBit | kInterlacedBit;
constexpr double kRateUnits = 1000.0;
constexpr uint32_t kMaxRate = 1'000'000;  // frames a second
constexpr uint32_t kNoFrame = 0xFFFFFFFF;

bool InRange(int value, int max) { return value >= 1 && value <= max; }

absl::Status CheckItem(const DecodeItem& item) {
  if (item.path.empty()) return Malformed("an empty path");
  bool own_size = item.height == 0 && item.width == 0;
  bool given_size = item.height >= 1 && item.height <= kMaxTargetSide &&
                    item.width >= 1 && item.width <= kMaxTargetSide;
  if (!own_size && !given_size) return Malformed("size of an item");
  if (item.frames < 1 || item.frames > kMaxFrames) {
    return Malformed("frames of an item");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeRequest(const DecodeRequest& request) {
  Writer out;
  out.Put(request.memory_bytes);
  out.Put(request.cpu_seconds);
  out.Put(static_cast<uint32_t>(request.items.size()));
  for (const DecodeItem& item : request.items) {
    out.PutText(item.path);
    out.Put(WordOf(item));
    out.Put(item.frames);
    out.Put(item.height);
    out.Put(item.width);
    out.Put(item.max_pixels);
  }
  return Message(DecodeMessage::kRequest, out.bytes());
}

std::string EncodeClip(const ClipHeader& clip) {
  Writer out;
  out.Put(clip.item);
  out.Put(static_cast<uint32_t>(clip.source.width));
  out.Put(static_cast<uint32_t>(clip.source.height));
  out.Put(static_cast<uint32_t>(clip.target.width));
  out.Put(static_cast<uint32_t>(clip.target.height));
  return Message(DecodeMessage::kClip, out.bytes());
}

std::string EncodeFacts(const ItemFacts& item) {
  const MediaFacts& facts = item.facts;
  Writer out;
  out.Put(item.item);
  out.Put((facts.is_picture ? kPictureBit : 0) |
          (facts.is_turned ? kTurnedBit : 0) | (facts.is_hdr ? kHdrBit : 0) |
          (facts.is_heif ? kHeifBit : 0) |
          (facts.is_anamorphic ? kAnamorphicBit : 0) |
          (facts.is_interlaced ? kInterlacedBit : 0));
  out.Put(static_cast<uint32_t>(
      std::clamp<int64_t>(facts.frames, 0, kMaxKnownFrames)));
  out.Put(static_cast<uint32_t>(facts.size.width));
  out.Put(static_cast<uint32_t>(facts.size.height));
  out.Put(static_cast<uint32_t>(
      std::llround(std::clamp<double>(facts.frames_per_second, 0.0, kMaxRate) *
                   kRateUnits)));
  out.Put(facts.first_transparent_frame < 0
              ? kNoFrame
              : static_cast<uint32_t>(facts.first_transparent_frame));
  return Message(DecodeMessage::kFacts, out.bytes());
}

std::string EncodeEnd(const ClipEnd& end) {
  Writer out;
  out.Put(end.item);
  out.Put(end.frames);
  return Message(DecodeMessage::kEnd, out.bytes());
}

std::string EncodeError(const ClipError& error) {
  Writer out;
  out.Put(error.item);
  out.PutText(absl::string_view(error.message).substr(0, kMaxErrorBytes / 2));
  return Message(DecodeMessage::kError, out.bytes());
}

std::string EncodeFrameHeader(uint32_t item, uint64_t pixel_bytes) {
  Writer out;
  out.Put(item);
  return Message(DecodeMessage::kFrame, out.bytes(), pixel_bytes);
}

absl::StatusOr<DecodeHeader> ParseHeader(absl::string_view bytes) {
  Reader in(bytes);
  if (in.Get<uint32_t>() != kDecodeMagic) return Malformed("magic number");
  auto version = in.Get<uint16_t>();
  if (version != kDecodeVersion) {
    return Malformed(
        absl::StrCat("version ", version, ", expected ", kDecodeVersion,
                     "; programs of different releases are mixed"));
  }
  auto type = in.Get<uint16_t>();
  if (type < static_cast<uint16_t>(DecodeMessage::kRequest) ||
      type > static_cast<uint16_t>(DecodeMessage::kFacts)) {
    return Malformed("type");
  }
  DecodeHeader header{.type = static_cast<DecodeMessage>(type),
                      .payload_bytes = in.Get<uint64_t>()};
  if (!in.complete()) return Malformed("header");
  return header;
}

absl::StatusOr<DecodeRequest> ParseRequest(absl::string_view payload) {
  Reader in(payload);
  DecodeRequest request;
  request.memory_bytes = in.Get<uint64_t>();
  request.cpu_seconds = in.Get<uint64_t>();
  auto count = in.Get<uint32_t>();
  if (count > kMaxItems) return Malformed("number of items");
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    DecodeItem item;
    item.path = in.GetText(kMaxPathBytes);
    HP_RETURN_IF_ERROR(ReadWord(in.Get<uint32_t>(), &item));
    item.frames = in.Get<uint32_t>();
    item.height = in.Get<uint32_t>();
    item.width = in.Get<uint32_t>();
    item.max_pixels = in.Get<uint32_t>();
    HP_RETURN_IF_ERROR(CheckItem(item));
    request.items.push_back(std::move(item));
  }
  if (!in.complete()) return Malformed("request");
  return request;
}

absl::StatusOr<ClipHeader> ParseClip(absl::string_view payload) {
  Reader in(payload);
  ClipHeader clip;
  clip.item = in.Get<uint32_t>();
  clip.source.width = static_cast<int>(in.Get<uint32_t>());
  clip.source.height = static_cast<int>(in.Get<uint32_t>());
  clip.target.width = static_cast<int>(in.Get<uint32_t>());
  clip.target.height = static_cast<int>(in.Get<uint32_t>());
  if (!in.complete()) return Malformed("clip");
  if (!InRange(clip.source.width, kMaxSourceSide) ||
      !InRange(clip.source.height, kMaxSourceSide) ||
      !InRange(clip.target.width, kMaxTargetSide) ||
      !InRange(clip.target.height, kMaxTargetSide)) {
    return Malformed("size of a clip");
  }
  return clip;
}

absl::StatusOr<ItemFacts> ParseFacts(absl::string_view payload) {
  Reader in(payload);
  ItemFacts item;
  MediaFacts& facts = item.facts;
  item.item = in.Get<uint32_t>();
  const auto bits = in.Get<uint32_t>();
  facts.is_picture = (bits & kPictureBit) != 0;
  facts.is_turned = (bits & kTurnedBit) != 0;
  facts.is_hdr = (bits & kHdrBit) != 0;
  facts.is_heif = (bits & kHeifBit) != 0;
  facts.is_anamorphic = (bits & kAnamorphicBit) != 0;
  facts.is_interlaced = (bits & kInterlacedBit) != 0;
  facts.frames = in.Get<uint32_t>();
  facts.size.width = static_cast<int>(in.Get<uint32_t>());
  facts.size.height = static_cast<int>(in.Get<uint32_t>());
  facts.frames_per_second = in.Get<uint32_t>() / kRateUnits;
  const auto transparent = in.Get<uint32_t>();
  if (transparent != kNoFrame) facts.first_transparent_frame = transparent;
  if (!in.complete() || (bits & ~kAllBits) != 0 ||
      !InRange(facts.size.width, kMaxSourceSide) ||
      !InRange(facts.size.height, kMaxSourceSide) ||
      facts.frames > kMaxKnownFrames || facts.frames_per_second > kMaxRate ||
      facts.first_transparent_frame > kMaxFrames) {
    return Malformed("facts");
  }
  return item;
}

absl::StatusOr<ClipEnd> ParseEnd(absl::string_view payload) {
  Reader in(payload);
  ClipEnd end;
  end.item = in.Get<uint32_t>();
  end.frames = in.Get<uint32_t>();
  if (!in.complete() || end.frames > kMaxFrames) return Malformed("end");
  return end;
}

absl::StatusOr<ClipError> ParseError(absl::string_view payload) {
  Reader in(payload);
  ClipError error;
  error.item = in.Get<uint32_t>();
  error.message = in.GetText(kMaxErrorBytes);
  if (!in.complete()) return Malformed("error");
  for (char& c : error.message) {
    if (!absl::ascii_isprint(c)) c = '?';
  }
  return error;
}

}  // namespace halfpipe
