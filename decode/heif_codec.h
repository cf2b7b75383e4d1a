// libheif's HEVC and AV1 pictures decoded by libavcodec.
#ifndef HP_DECODE_HEIF_CODEC_H_
#define HP_DECODE_HEIF_CODEC_H_

#include "absl/status/status.h"

namespace halfpipe {

// Makes libavcodec the codec that libheif prefers, for the whole process.
// libheif's own ones start threads, which a confined process cannot, and which
// of them there are differs between systems. To be called once, before the
// process is confined: libheif looks for files. Internal on failure.
[[nodiscard]] absl::Status InstallHeifCodec();

}  // namespace halfpipe

#endif  // HP_DECODE_HEIF_CODEC_H_
