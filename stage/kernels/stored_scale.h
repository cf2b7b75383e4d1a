// The scales of weights that a checkpoint stores in 8 bits, in every form that
// common/store/quantised_weights.h reads.
#ifndef HP_STAGE_KERNELS_STORED_SCALE_H_
#define HP_STAGE_KERNELS_STORED_SCALE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace halfpipe {

// `scale`, one number, one for each of `rows` rows or (rows, blocks, 1), as
// (rows, blocks) float32 on its device; a view where it can be one.
[[nodiscard]] at::Tensor ScaleGrid(const at::Tensor& scale, int64_t rows);

// `values` of any float dtype and shape, times `grid` (rows, blocks) with as
// many rows: row r's columns, whatever axes they have, in `blocks` equal parts.
// Both factors and the product are float32; the result has the shape of
// `values`.
[[nodiscard]] at::Tensor TimesScale(const at::Tensor& values,
                                    const at::Tensor& grid);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_STORED_SCALE_H_
