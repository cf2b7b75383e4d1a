#include "common/base/weight_form.h"

namespace halfpipe {

absl::string_view WeightFormName(WeightForm form) {
  switch (form) {
    case WeightForm::kBf16:
      break;
    case WeightForm::kFp8:
      return "fp8";
    case WeightForm::kFp8Compute:
      return "fp8_compute";
  }
  return "bf16";
}

std::optional<WeightForm> ParseWeightForm(absl::string_view text) {
  for (const WeightForm form :
       {WeightForm::kBf16, WeightForm::kFp8, WeightForm::kFp8Compute}) {
    if (text == WeightFormName(form)) return form;
  }
  return std::nullopt;
}

}  // namespace halfpipe
