#include "stage/kernels/stored_scale.h"

namespace halfpipe {

at::Tensor ScaleGrid(const at::Tensor& scale, int64_t rows) {
  const at::Tensor wide = scale.to(at::kFloat);
  if (wide.numel() == 1) return wide.reshape({1, 1}).expand({rows, 1});
  return wide.reshape({rows, -1});
}

at::Tensor TimesScale(const at::Tensor& values, const at::Tensor& grid) {
  const at::Tensor blocks =
      values.to(at::kFloat).reshape({grid.size(0), grid.size(1), -1});
  return blocks.mul(grid.unsqueeze(-1)).view(values.sizes());
}

}  // namespace halfpipe
