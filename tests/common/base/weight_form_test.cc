#include "common/base/dtype.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(WeightFormTest, NamesAreReadBack) {
  for (const WeightForm form :
       {WeightForm::kBf16, WeightForm::kFp8, WeightForm::kFp8Compute}) {
    EXPECT_EQ(ParseWeightForm(WeightFormName(form)), form);
  }
  EXPECT_EQ(WeightFormName(WeightForm::kFp8Compute), "fp8_compute");
  EXPECT_FALSE(ParseWeightForm("fp16").has_value());
  EXPECT_FALSE(ParseWeightForm("").has_value());
}

}  // namespace
}  // namespace halfpipe
