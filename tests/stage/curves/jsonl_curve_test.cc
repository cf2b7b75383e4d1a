#include "stage/curves/jsonl_curve.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

class JsonlCurveTest : public testing::Test {
 protected:
  static CurveRow Row(int64_t step, bool is_validation = false) {
    return {{step, is_validation},
            1.5,
            {{is_validation ? "validation" : "train", "loss", 0.5}}};
  }

  // A process that goes on at `from` and gets as far as `to`.
  void Train(int64_t from, int64_t to) {
    JsonlCurve curve(scratch_.path());
    for (int64_t step = from; step <= to; ++step) {
      ASSERT_TRUE(curve.Write(Row(step)).ok());
    }
    EXPECT_TRUE(curve.Sync().ok());
  }

  // The steps of the lines; a validation's are below 0.
  std::vector<int64_t> Steps() {
    std::vector<int64_t> steps;
    const std::string text = *ReadFile(path_);
    for (absl::string_view line :
         absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      const auto key = KeyOfLine(line);
      steps.push_back(!key.has_value()     ? 0
                      : key->is_validation ? -key->step
                                           : key->step);
    }
    return steps;
  }

  void Append(const std::string& text) {
    scratch_.Write(kJsonlName, *ReadFile(path_) + text);
  }

  ScratchFolder scratch_;
  const std::string path_ = scratch_ / kJsonlName;
};

TEST_F(JsonlCurveTest, GoesOnBehindTheCheckpoint) {
  Train(1, 4);
  Train(5, 6);
  EXPECT_THAT(Steps(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(JsonlCurveTest, StepsThatAreDoneAgainTakeThePlaceOfWhatTheyWere) {
  Train(1, 6);  // and is killed; its last checkpoint is of step 3
  Train(4, 5);
  EXPECT_THAT(Steps(), ElementsAre(1, 2, 3, 4, 5));
  Train(1, 2);  // there is none
  EXPECT_THAT(Steps(), ElementsAre(1, 2));
}

TEST_F(JsonlCurveTest, AHalfWrittenLineIsMended) {
  Train(1, 3);
  Append("{\"step\":4,\"ti");
  Train(4, 5);
  EXPECT_THAT(Steps(), ElementsAre(1, 2, 3, 4, 5));
  // As after a power cut.
  Append(absl::StrCat(std::string(100, '\0'), "\n"));
  Train(6, 6);
  EXPECT_THAT(Steps(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(JsonlCurveTest, ALineInTheMiddleThatIsNoneStays) {
  Train(1, 1);
  Append("# a note\n");
  Append(JsonLineOf(Row(2)));
  Train(3, 3);
  EXPECT_THAT(Steps(), ElementsAre(1, 0, 2, 3));
}

TEST_F(JsonlCurveTest, ARunThatGoesBackCutsItsOwnFile) {
  JsonlCurve curve(scratch_.path());
  for (const int64_t step : {1, 2, 3, 2, 3, 4}) {
    ASSERT_TRUE(curve.Write(Row(step)).ok());
  }
  EXPECT_THAT(Steps(), ElementsAre(1, 2, 3, 4));
}

TEST_F(JsonlCurveTest, AValidationBelongsToItsStep) {
  {
    JsonlCurve curve(scratch_.path());
    ASSERT_TRUE(curve.Write(Row(1)).ok());
    ASSERT_TRUE(curve.Write(Row(2)).ok());
    ASSERT_TRUE(curve.Write(Row(2, true)).ok());
    ASSERT_TRUE(curve.Write(Row(3)).ok());
  }
  Train(3, 3);  // from step 2, which had been validated
  EXPECT_THAT(Steps(), ElementsAre(1, 2, -2, 3));
  JsonlCurve curve(scratch_.path());
  ASSERT_TRUE(curve.Write(Row(2, true)).ok());  // or is validated again
  EXPECT_THAT(Steps(), ElementsAre(1, 2, -2));
}

TEST_F(JsonlCurveTest, ALinkIsNotFollowed) {
  scratch_.Write("theirs", "{\"step\":9}\n");
  std::filesystem::create_symlink(scratch_ / "theirs", path_);
  JsonlCurve curve(scratch_.path());
  EXPECT_TRUE(absl::IsInvalidArgument(curve.Write(Row(1))));
  EXPECT_EQ(*ReadFile(scratch_ / "theirs"), "{\"step\":9}\n");
}

}  // namespace
}  // namespace halfpipe
