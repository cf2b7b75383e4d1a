// Whatever gives the frames of a media file, one after the other.
#ifndef HP_DECODE_FRAME_SOURCE_H_
#define HP_DECODE_FRAME_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/crop_resize.h"
#include "decode/input_file.h"
#include "decode/orientation.h"

extern "C" {
#include <libavutil/frame.h>
}

namespace halfpipe {

enum class MediumKind {
  kClip,
  kPicture,    // only its first frame counts
  kAnimation,  // a clip, but with a single frame a picture
};

// How alpha is to be understood where the pixel format has it.
enum class AlphaKind {
  kStraight,
  kPremultiplied,
  // A frame that would be transparent all over has filling in alpha's place.
  kUnlessAllZero,
  // There is none: whatever is in its place is filling.
  kFilling,
};

// What the container says before a frame is decoded.
struct SourceTraits {
  MediumKind kind = MediumKind::kClip;
  Orientation orientation;
  double frames_per_second = 0.0;  // 0: not said
  int64_t frames = 0;              // 0: not said
  AlphaKind alpha = AlphaKind::kStraight;
  bool is_heif = false;  // a HEIF or AVIF still
  // Width of a stored pixel by its height; 1: a square, or not said.
  double pixel_aspect = 1.0;
  bool is_interlaced = false;
};

// On one thread, as a confined process has no others. Every error is
// InvalidArgument: what is wrong with the file, without its name.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // The next frame, valid until the next call; nullptr after the last. A
  // frame with errors is an error: a model must not learn from garbage.
  [[nodiscard]] virtual absl::StatusOr<const AVFrame*> Next() = 0;

  [[nodiscard]] const SourceTraits& traits() const { return traits_; }

 protected:
  SourceTraits traits_;
};

// InvalidArgument when frames of that size are larger than are read.
[[nodiscard]] absl::Status CheckSourceSize(FrameSize size);

// By the file's content, whatever its name says. `file` must outlive the
// result.
[[nodiscard]] absl::StatusOr<std::unique_ptr<FrameSource>> OpenFrameSource(
    InputFile& file);

// Which library reads a media file, by its first bytes.
enum class FileSignature {
  kHeif,          // a HEIF or AVIF still: libheif
  kAnimatedWebp,  // libwebpdemux
  kOther,         // libavformat
};

// `head`: the first bytes of the file, 64 or all that there are. An AVIF or
// HEIF that says it is a sequence is kOther: it has a film's tracks.
[[nodiscard]] FileSignature SignatureOf(absl::string_view head);

// "a JPEG XL picture; convert it to PNG": what the file is and what to do with
// it, where it is of a kind that is not read under any name. Empty: not known
// to be.
[[nodiscard]] std::string UnreadKindOf(absl::string_view head);

}  // namespace halfpipe

#endif  // HP_DECODE_FRAME_SOURCE_H_
