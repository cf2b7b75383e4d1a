#include "decode/tone_mapper.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace halfpipe {
namespace {

// To linear light where 100 cd/m^2 is 1, to BT.709's primaries, squeezed into
// [0, 1], and back to a coded picture.
constexpr char kChain[] =
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p";

absl::Status CannotMap(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "is HDR (PQ or HLG), and cannot be tone-mapped: ", why,
      "; convert it to SDR, for example with ffmpeg's zscale and tonemap"));
}

// What an HDR stream leaves out is what HDR streams are: BT.2020.
void FillIn(AVFrame* frame) {
  const AVPixFmtDescriptor* format =
      av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  const bool is_rgb =
      format != nullptr && (format->flags & AV_PIX_FMT_FLAG_RGB) != 0;
  if (frame->color_primaries == AVCOL_PRI_UNSPECIFIED) {
    frame->color_primaries = AVCOL_PRI_BT2020;
  }
  if (frame->colorspace == AVCOL_SPC_UNSPECIFIED) {
    frame->colorspace = is_rgb ? AVCOL_SPC_RGB : AVCOL_SPC_BT2020_NCL;
  }
  if (frame->color_range == AVCOL_RANGE_UNSPECIFIED) {
    frame->color_range = is_rgb ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  }
}

}  // namespace

bool IsHdr(const AVFrame& frame) {
  return frame.color_trc == AVCOL_TRC_SMPTE2084 ||
         frame.color_trc == AVCOL_TRC_ARIB_STD_B67;
}

absl::StatusOr<std::unique_ptr<ToneMapper>> ToneMapper::Create(
    const AVFrame& first) {
  std::unique_ptr<ToneMapper> mapper(new ToneMapper);
  HP_RETURN_IF_ERROR(mapper->Build(first));
  return mapper;
}

ToneMapper::~ToneMapper() {
  av_frame_free(&in_);
  av_frame_free(&out_);
  avfilter_graph_free(&graph_);
}

absl::Status ToneMapper::Build(const AVFrame& first) {
  for (const char* name : {"zscale", "tonemap"}) {
    if (avfilter_get_by_name(name) != nullptr) continue;
    return CannotMap(
        absl::StrCat("this machine's FFmpeg has no filter ", name));
  }
  graph_ = avfilter_graph_alloc();
  in_ = av_frame_alloc();
  out_ = av_frame_alloc();
  AVFilterInOut* inputs = avfilter_inout_alloc();
  AVFilterInOut* outputs = avfilter_inout_alloc();
  absl::Cleanup release = [&] {
    avfilter_inout_free(&inputs);
    avfilter_inout_free(&outputs);
  };
  if (!graph_ || !in_ || !out_ || !inputs || !outputs) {
    return CannotMap("there is not enough memory");
  }
  graph_->nb_threads = 1;  // a confined process has no threads
  const std::string shape = absl::StrCat(
      "video_size=", first.width, "x", first.height, ":pix_fmt=", first.format,
      ":time_base=1/25:pixel_aspect=1/1");
  if (avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"),
                                   "in", shape.c_str(), nullptr, graph_) < 0 ||
      avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"),
                                   "out", nullptr, nullptr, graph_) < 0) {
    return CannotMap("its frames are not taken");
  }
  // Named from the chain's point of view.
  outputs->name = av_strdup("in");
  outputs->filter_ctx = source_;
  inputs->name = av_strdup("out");
  inputs->filter_ctx = sink_;
  if (avfilter_graph_parse_ptr(graph_, kChain, &inputs, &outputs, nullptr) <
          0 ||
      avfilter_graph_config(graph_, nullptr) < 0) {
    return CannotMap("its pixel format is not taken");
  }
  return absl::OkStatus();
}

absl::StatusOr<const AVFrame*> ToneMapper::Map(const AVFrame& frame) {
  av_frame_unref(in_);
  av_frame_unref(out_);
  if (av_frame_ref(in_, &frame) < 0) {
    return CannotMap("there is not enough memory");
  }
  FillIn(in_);
  in_->pts = AV_NOPTS_VALUE;
  if (av_buffersrc_add_frame(source_, in_) < 0 ||
      av_buffersink_get_frame(sink_, out_) < 0) {
    return CannotMap("its colours are not understood");
  }
  return out_;
}

}  // namespace halfpipe
