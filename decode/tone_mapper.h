// HDR frames (PQ, HLG) brought to the range and gamut that models are trained
// with, by FFmpeg's own filters.
#ifndef HP_DECODE_TONE_MAPPER_H_
#define HP_DECODE_TONE_MAPPER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

extern "C" {
#include <libavfilter/avfilter.h>
#include <libavutil/frame.h>
}

namespace halfpipe {

// Whether the frame's transfer function is PQ or HLG.
[[nodiscard]] bool IsHdr(const AVFrame& frame);

// On one thread. The chain is the one that FFmpeg's documentation gives for
// zscale and tonemap, with hable and without desaturation.
class ToneMapper {
 public:
  // For frames like `first`. InvalidArgument where this FFmpeg has not the
  // filters, or they do not take the format.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ToneMapper>> Create(
      const AVFrame& first);
  ToneMapper(const ToneMapper&) = delete;
  ToneMapper& operator=(const ToneMapper&) = delete;
  ~ToneMapper();

  // The frame as BT.709, valid until the next call. InvalidArgument.
  [[nodiscard]] absl::StatusOr<const AVFrame*> Map(const AVFrame& frame);

 private:
  ToneMapper() = default;
  [[nodiscard]] absl::Status Build(const AVFrame& first);

  AVFilterGraph* graph_ = nullptr;
  AVFilterContext* source_ = nullptr;  // owned by graph_
  AVFilterContext* sink_ = nullptr;    // owned by graph_
  AVFrame* in_ = nullptr;
  AVFrame* out_ = nullptr;
};

}  // namespace halfpipe

#endif  // HP_DECODE_TONE_MAPPER_H_
