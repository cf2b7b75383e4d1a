// A still in HEIF or AVIF, read by libheif: the primary picture of the file.
#ifndef HP_DECODE_HEIF_PICTURE_H_
#define HP_DECODE_HEIF_PICTURE_H_

#include <libheif/heif.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "decode/frame_source.h"

namespace halfpipe {

// libheif turns, mirrors and crops the picture as the file says; an EXIF block
// beside it is no second instruction. REQUIRES: InstallHeifCodec().
class HeifPicture : public FrameSource {
 public:
  // Reads the file into memory and the picture's headers; Next decodes.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FrameSource>> Open(
      const InputFile& file);
  ~HeifPicture() override;

  [[nodiscard]] absl::StatusOr<const AVFrame*> Next() override;

 private:
  explicit HeifPicture(std::string bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] absl::Status ReadHeaders();
  [[nodiscard]] absl::Status Decode();
  // What makes an AVFrame of the decoded image.
  [[nodiscard]] absl::Status Wrap();
  [[nodiscard]] absl::Status WrapDeep(const uint8_t* pixels, int stride);

  const std::string bytes_;  // context_ reads in it
  heif_context* context_ = nullptr;
  heif_image_handle* handle_ = nullptr;
  heif_image* image_ = nullptr;
  AVFrame* frame_ = nullptr;
  // PQ or HLG: kept with all of its bits for tone mapping.
  AVColorTransferCharacteristic transfer_ = AVCOL_TRC_UNSPECIFIED;
  AVColorPrimaries primaries_ = AVCOL_PRI_UNSPECIFIED;
  bool has_alpha_ = false;
  bool is_done_ = false;
};

// libheif's HEVC and AV1 pictures decoded by libavcodec: makes libavcodec the
// codec that libheif prefers, for the whole process.
// libheif's own ones start threads, which a confined process cannot, and which
// of them there are differs between systems. To be called once, before the
// process is confined: libheif looks for files. Internal on failure.
[[nodiscard]] absl::Status InstallHeifCodec();

}  // namespace halfpipe

#endif  // HP_DECODE_HEIF_PICTURE_H_
