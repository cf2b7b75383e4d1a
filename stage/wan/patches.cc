#include "stage/wan/patches.h"

namespace halfpipe {
namespace {

// (B, C, F, H, W) as (B, C, f, pf, h, ph, w, pw).
at::Tensor SplitPatches(const at::Tensor& x, const ModelSpec& wan) {
  return x.reshape({x.size(0), x.size(1), x.size(2) / wan.patch_frames,
                    wan.patch_frames, x.size(3) / wan.patch_rows,
                    wan.patch_rows, x.size(4) / wan.patch_columns,
                    wan.patch_columns});
}

int64_t Tokens(const at::Tensor& split) {
  return split.size(2) * split.size(4) * split.size(6);
}

}  // namespace

at::Tensor UnfoldPatches(const at::Tensor& latents, const ModelSpec& wan) {
  at::Tensor split = SplitPatches(latents, wan);
  return split.permute({0, 2, 4, 6, 1, 3, 5, 7})
      .reshape({split.size(0), Tokens(split), -1});
}

at::Tensor FoldPrediction(const at::Tensor& features, const TokenGrid& grid,
                          const ModelSpec& wan) {
  at::Tensor split = features.reshape(
      {features.size(0), grid.frames, grid.rows, grid.columns, wan.patch_frames,
       wan.patch_rows, wan.patch_columns, wan.out_channels});
  return split.permute({0, 7, 1, 4, 2, 5, 3, 6})
      .reshape({features.size(0), wan.out_channels,
                grid.frames * wan.patch_frames, grid.rows * wan.patch_rows,
                grid.columns * wan.patch_columns});
}

at::Tensor UnfoldPrediction(const at::Tensor& prediction,
                            const ModelSpec& wan) {
  at::Tensor split = SplitPatches(prediction, wan);
  return split.permute({0, 2, 4, 6, 3, 5, 7, 1})
      .reshape({split.size(0), Tokens(split), -1});
}

}  // namespace halfpipe
