#include "stage/encoders/conditioning.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/model/model_spec.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {

at::Tensor GivenFramesMask(int64_t frames, int64_t height, int64_t width,
                           bool last_given) {
  // With the first frame four times there are frames + 3 = 4T' rows.
  const int64_t count = frames + kTemporalStride - 1;
  at::Tensor rows = at::zeros({count, height, width});
  rows.narrow(0, 0, kTemporalStride).fill_(1.0);
  if (last_given) rows[count - 1].fill_(1.0);
  return rows.view({-1, kTemporalStride, height, width})
      .transpose(0, 1)
      .unsqueeze(0);
}

absl::StatusOr<at::Tensor> EncodeGivenFrames(const WanVae& vae,
                                             const at::Tensor& video,
                                             bool last_given) {
  if (video.dim() != 5 || video.size(2) % kTemporalStride != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("video has shape ", ShapeString(ShapeOf(video)),
                     ", expected (1, 3, 4k + 1, H, W)"));
  }
  return TorchGuard("conditioning", [&]() -> absl::StatusOr<at::Tensor> {
    const int64_t frames = video.size(2);
    at::Tensor given = at::zeros_like(video);  // 0 is mid-grey
    given.narrow(2, 0, 1).copy_(video.narrow(2, 0, 1));
    if (last_given) {
      given.narrow(2, frames - 1, 1).copy_(video.narrow(2, frames - 1, 1));
    }
    HP_ASSIGN_OR_RETURN(const at::Tensor latents, vae.Encode(given));
    const at::Tensor mask =
        GivenFramesMask(frames, latents.size(3), latents.size(4), last_given);
    return at::cat({mask.to(latents.options()), latents}, 1);
  });
}

}  // namespace halfpipe
