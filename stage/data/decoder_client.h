// Frames of clips and images, decoded in a confined child process: whatever a
// hostile file does to the decoder, it can only be that file's error here.
#ifndef HP_STAGE_DATA_DECODER_CLIENT_H_
#define HP_STAGE_DATA_DECODER_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/data/crop_resize.h"
#include "common/data/decode_protocol.h"
#include "stage/data/decoder_process.h"

namespace halfpipe {

struct DecoderOptions {
  std::string program;  // the path of halfpipe-decode
  absl::Duration file_timeout = absl::Minutes(5);  // wall time of one file
  uint64_t cpu_seconds_per_file = 300;
  uint64_t memory_bytes = uint64_t{4} << 30;  // the child's address space
};

struct DecodedClip {
  int64_t frames = 0;        // 4k+1, or 1
  MediaFacts facts;          // all that is set for an item without pixels
  FrameSize size;            // of each frame below
  FrameSize source;          // of the frames in the file
  std::vector<uint8_t> rgb;  // (frames, size.height, size.width, 3)
};

// How many of `available` frames are used when `wanted` are asked for: all of
// `wanted` if there are so many, else the largest 4k+1 that there are; 0 for a
// clip that is too short: one with fewer than 5 where more were wanted (the
// reference would silently train on a still).
[[nodiscard]] int64_t UsableFrames(int64_t available, int64_t wanted);

// Thread-compatible: one batch at a time. Any thread.
class DecoderClient {
 public:
  explicit DecoderClient(DecoderOptions options)
      : options_(std::move(options)) {}

  // Called once for each item, in order, on the calling thread. A status that
  // is not OK ends the batch and is returned.
  using OnClip =
      std::function<absl::Status(size_t item, absl::StatusOr<DecodedClip>)>;

  // Decodes the items in one child; after a file that crashed it, hung it or
  // made it lie, the next ones get a new child. What is wrong with a file is
  // that item's InvalidArgument (DeadlineExceeded for one that took too long,
  // OutOfRange for one that is too short), and names the file.
  // FailedPrecondition when the program cannot run.
  [[nodiscard]] absl::Status DecodeBatch(const std::vector<DecodeItem>& items,
                                         const OnClip& on_clip) const;

  [[nodiscard]] absl::StatusOr<DecodedClip> Decode(
      const DecodeItem& item) const;

 private:
  // Runs one child over items [first, end), and moves `first` past those that
  // were handed to `on_clip`.
  [[nodiscard]] absl::Status RunChild(const std::vector<DecodeItem>& items,
                                      size_t end, const OnClip& on_clip,
                                      size_t* first) const;
  // One item's messages. `broken` is set when the child cannot be used on.
  [[nodiscard]] absl::StatusOr<DecodedClip> ReceiveClip(const DecodeItem& item,
                                                        uint32_t number,
                                                        DecoderProcess& child,
                                                        bool* broken) const;

  DecoderOptions options_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_DECODER_CLIENT_H_
