// Weights that a checkpoint stores in 8 bits: which tensor is the scale of
// which weight, and which forms of quantised files are read at all. What is not
// understood is refused by name: a weight that is read without its scale
// trains, and is wrong.
#ifndef HP_COMMON_STORE_QUANTISED_WEIGHTS_H_
#define HP_COMMON_STORE_QUANTISED_WEIGHTS_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

struct Quantisation {
  // The scale's name by that of its weight, both as the file spells them. The
  // weight is F8_E4M3 or F8_E5M2; the scale is F32, BF16 or F16 and one number,
  // one a row ([rows] or [rows, 1]) or one a block of a row's columns
  // ([rows, blocks, 1]). The weight's value is their product.
  std::map<std::string, std::string> scales;
  // Names of scales, marks and descriptions: tensors that are no weights.
  std::set<std::string> beside;
};

// F8_E4M3 and F8_E5M2.
[[nodiscard]] bool IsFp8(DType dtype);

// Reads `contents`, the tensors of the checkpoint at `path`: the scales that
// ComfyUI and musubi write (`scale_weight`, `weight_scale`), those of
// activations (`scale_input`, `input_scale`), which do not change a weight, the
// mark `scaled_fp8`. InvalidArgument names the file, a tensor and what to
// download: a form that is not read (bitsandbytes, GPTQ, AWQ, quanto, nvfp4,
// ...), a scale without its fp8 weight or of another shape, two scales of one
// weight, an fp8 weight without one beside others that have theirs.
[[nodiscard]] absl::StatusOr<Quantisation> ReadQuantisation(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents);

// Reads what ComfyUI says in words of each layer, in `comfy_quant` tensors and
// in the metadata `_quantization_metadata`. InvalidArgument for a format other
// than float8_e4m3fn and float8_e5m2, one that is not its weight's, and words
// that are not known; else the codes of TensorArchive::Read.
[[nodiscard]] absl::Status CheckQuantisationWords(const TensorArchive& archive);

// Reads the scales. InvalidArgument names the file, the scale and its weight
// where a number is not finite or not above zero: the weight would be zeros, or
// no number at all. A zero may stand for values that are all zero themselves,
// which need none. Else the codes of TensorArchive::Read.
[[nodiscard]] absl::Status CheckScaleNumbers(const TensorArchive& archive,
                                             const Quantisation& quantised);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_QUANTISED_WEIGHTS_H_
