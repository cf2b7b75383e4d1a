// What halfpipe-decode and the process that started it say to each other.
//
// The parent writes one request to the child's standard input. The child
// answers on standard output with messages, for each item in order:
//   kClip, kFrame for each frame, kFacts, kEnd   in the mode kPixels, or
//   kFacts, kEnd                                 in the others, or
//   kError in place of what is missing of these
// and exits with 0 after the last item.
//
// A message is a header of 16 bytes {magic u32, version u16, type u16, payload
// bytes u64} and the payload; integers are little-endian. The child reads
// hostile files, so the parent believes nothing: every size has a bound and
// every field is checked (Parse*: InvalidArgument).
#ifndef HP_COMMON_DATA_DECODE_PROTOCOL_H_
#define HP_COMMON_DATA_DECODE_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/crop_resize.h"
#include "common/data/media_facts.h"

namespace halfpipe {

inline constexpr uint32_t kDecodeMagic = 0x44535048;  // "HPSD"
inline constexpr uint16_t kDecodeVersion = 1;
inline constexpr size_t kDecodeHeaderBytes = 16;

// Bounds of what the two sides accept.
inline constexpr uint64_t kMaxRequestBytes = uint64_t{1} << 22;
inline constexpr uint32_t kMaxItems = 256;
inline constexpr uint32_t kMaxPathBytes = 4096;
inline constexpr int kMaxSourceSide = 16384;
inline constexpr int64_t kMaxSourcePixels =
    int64_t{kMaxSourceSide} * kMaxSourceSide / 4;
inline constexpr int kMaxTargetSide = 4096;
inline constexpr uint32_t kMaxFrames = 4096;
inline constexpr int64_t kMaxKnownFrames = int64_t{1} << 30;
inline constexpr uint64_t kMaxErrorBytes = 2048;

enum class DecodeMessage : uint16_t {
  kRequest = 1,
  kClip = 2,   // sizes of the frames that follow
  kFrame = 3,  // item u32, then the pixels: (H, W, 3) RGB bytes
  kEnd = 4,    // the clip is complete
  kError = 5,  // the file cannot be used
  kFacts = 6,  // what the file is
};

struct DecodeHeader {
  DecodeMessage type = DecodeMessage::kRequest;
  uint64_t payload_bytes = 0;
};

// What the decoder does with a file.
enum class DecodeMode : uint32_t {
  kPixels = 0,   // frames and facts
  kInspect = 1,  // every frame is decoded and checked; facts only
  kProbe = 2,    // as few frames as the facts need; facts only
};

// One file and what is wanted of it.
struct DecodeItem {
  std::string path;
  DecodeMode mode = DecodeMode::kPixels;
  uint32_t frames = 1;  // at most so many from the start are sent
  // 0, 0: the clip's own size within max_pixels (see TargetSize).
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t max_pixels = 1048576;
  uint32_t background = 0;  // 0xRRGGBB, behind what is transparent
  // A frame with a pixel that is not opaque is an error instead.
  bool refuse_transparency = false;
};

struct DecodeRequest {
  uint64_t memory_bytes = 0;  // the child's address space
  uint64_t cpu_seconds = 0;   // for the whole batch
  std::vector<DecodeItem> items;
};

struct ClipHeader {
  uint32_t item = 0;
  FrameSize source;
  FrameSize target;
};

struct ItemFacts {
  uint32_t item = 0;
  MediaFacts facts = {};
};

struct ClipEnd {
  uint32_t item = 0;
  uint32_t frames = 0;  // how many kFrame there were, or would have been
};

struct ClipError {
  uint32_t item = 0;
  std::string message;  // printable ASCII, one line
};

// Header and payload.
[[nodiscard]] std::string EncodeRequest(const DecodeRequest& request);
[[nodiscard]] std::string EncodeClip(const ClipHeader& clip);
// Rates are kept to a thousandth of a frame a second.
[[nodiscard]] std::string EncodeFacts(const ItemFacts& facts);
[[nodiscard]] std::string EncodeEnd(const ClipEnd& end);
[[nodiscard]] std::string EncodeError(const ClipError& error);
// Header and item number only; `pixel_bytes` of pixels must follow.
[[nodiscard]] std::string EncodeFrameHeader(uint32_t item,
                                            uint64_t pixel_bytes);

// `bytes` holds kDecodeHeaderBytes.
[[nodiscard]] absl::StatusOr<DecodeHeader> ParseHeader(absl::string_view bytes);
// Payloads.
[[nodiscard]] absl::StatusOr<DecodeRequest> ParseRequest(
    absl::string_view payload);
[[nodiscard]] absl::StatusOr<ClipHeader> ParseClip(absl::string_view payload);
[[nodiscard]] absl::StatusOr<ItemFacts> ParseFacts(absl::string_view payload);
[[nodiscard]] absl::StatusOr<ClipEnd> ParseEnd(absl::string_view payload);
// Unprintable characters of the message become '?'.
[[nodiscard]] absl::StatusOr<ClipError> ParseError(absl::string_view payload);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_DECODE_PROTOCOL_H_
