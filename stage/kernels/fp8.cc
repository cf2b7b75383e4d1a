#include "stage/kernels/fp8.h"

#include <ATen/ops/_scaled_mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/reference.h"
#ifdef HP_WITH_CUDA
#include <cuda_runtime_api.h>

#include "stage/kernels/fused.h"
#endif

namespace halfpipe {
namespace {

// What the libraries' products ask of sizes, and of the number of left rows.
constexpr int64_t kSizeUnit = 16;
constexpr int64_t kRowUnit = 16;

bool TakesProduct(const Fp8Matrix& left, const Fp8Matrix& right,
                  at::ScalarType dtype) {
  return dtype == at::kBFloat16 && left.values.size(1) % kSizeUnit == 0 &&
         right.values.size(0) % kSizeUnit == 0 &&
         HasFp8Products(left.values.device());
}

// The library's product; undefined where it has no kernel for these sizes
// (cuBLAS 13 has none for 16 x 13824 x 96), which no rule of its documents
// says.
at::Tensor LibraryProduct(const Fp8Matrix& left, const Fp8Matrix& right,
                          const at::Tensor& bias, at::ScalarType dtype) {
  try {
    return at::_scaled_mm(
        left.values, right.values.t(), left.scales.view({-1, 1}),
        right.scales.view({1, -1}),
        bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt,
        /*scale_result=*/std::nullopt, dtype, /*use_fast_accum=*/true);
  } catch (const c10::Error& error) {
    constexpr absl::string_view kNoKernel = "CUBLAS_STATUS_NOT_SUPPORTED";
    if (!absl::StrContains(error.what_without_backtrace(), kNoKernel)) throw;
    return {};
  }
}

// `matrix` with rows of zeros behind it, up to a whole number of kRowUnit.
Fp8Matrix PadRows(const Fp8Matrix& matrix) {
  const int64_t rows = matrix.values.size(0);
  const int64_t padded = (rows + kRowUnit - 1) / kRowUnit * kRowUnit;
  if (padded == rows) return matrix;
  const at::Tensor values = at::zeros({padded, matrix.values.size(1)},
                                      matrix.values.options().dtype(at::kByte));
  values.narrow(0, 0, rows).copy_(matrix.values.view(at::kByte));
  const at::Tensor scales = at::ones({padded}, matrix.scales.options());
  scales.narrow(0, 0, rows).copy_(matrix.scales);
  return {values.view(at::kFloat8_e4m3fn), scales};
}

}  // namespace

bool HasFp8Products(const at::Device& device) {
#ifdef HP_WITH_CUDA
  int major = 0;
  int minor = 0;
  if (!device.is_cuda() ||
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor,
                             device.index()) != cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor,
                             device.index()) != cudaSuccess) {
    return false;
  }
  return major > 8 || (major == 8 && minor == 9);
#else
  (void)device;
  return false;
#endif
}

Fp8Matrix QuantiseRows(const at::Tensor& x, const at::Tensor& column_factors) {
  const KernelScope scope(KernelGroup::kQuantise, x.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesQuantise(x)) return fused::QuantiseRows(x, column_factors);
#endif
  return reference::QuantiseRows(x, column_factors);
}

void Dequantise(const Fp8Matrix& matrix, const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kQuantise, out.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::Takes({out})) return fused::Dequantise(matrix, out);
#endif
  reference::Dequantise(matrix, out);
}

void TransposeBytes(const at::Tensor& values, const at::Tensor& out) {
  const KernelScope scope(KernelGroup::kQuantise, out.is_cuda());
#ifdef HP_WITH_CUDA
  if (fused::TakesTranspose(values)) {
    return fused::TransposeBytes(values, out);
  }
#endif
  out.copy_(values.t());
}

at::Tensor Fp8Product(const Fp8Matrix& left, const Fp8Matrix& right,
                      const at::Tensor& bias, at::ScalarType dtype) {
  const KernelScope scope(KernelGroup::kLinear, left.values.is_cuda());
  if (!TakesProduct(left, right, dtype)) {
    return reference::Fp8Product(left, right, bias, dtype);
  }
  const at::Tensor product = LibraryProduct(PadRows(left), right, bias, dtype);
  if (!product.defined()) {
    return reference::Fp8Product(left, right, bias, dtype);
  }
  return product.narrow(0, 0, left.values.size(0));
}

}  // namespace halfpipe
