#include "coordinator/page/loss_curve.h"

#include <limits>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

StepProgress Step(int64_t steps_done, double loss) {
  StepProgress step;
  step.steps_done = steps_done;
  step.loss = loss;
  step.smoothed_loss = loss / 2;
  return step;
}

TEST(LossCurveTest, FewStepsAreOnePointEach) {
  LossCurve curve;
  curve.Add(Step(1, 4.0));
  curve.Add(Step(2, std::numeric_limits<double>::quiet_NaN()));
  curve.Add(Step(3, 2.0));
  EXPECT_EQ(curve.points(),
            (std::vector<LossPoint>{{1, 4.0, 2.0}, {3, 2.0, 1.0}}));
}

TEST(LossCurveTest, ManyStepsAreMeansOfNeighbours) {
  LossCurve curve;
  const auto steps = static_cast<int64_t>(3 * LossCurve::kPoints);
  for (int64_t step = 1; step <= steps; ++step) {
    curve.Add(Step(step, step % 2 == 0 ? 1.0 : 3.0));
  }
  ASSERT_LE(curve.points().size(), LossCurve::kPoints);
  EXPECT_GE(curve.points().size(), LossCurve::kPoints / 2);
  EXPECT_EQ(curve.points().front(), (LossPoint{4, 2.0, 0.5}));
  EXPECT_EQ(curve.points().back().steps_done, steps);
  EXPECT_EQ(curve.points().back().loss, 2.0);
}

TEST(LossCurveTest, RepeatedStepsTakeTheirOwnPlace) {
  LossCurve curve;
  for (int64_t step = 1; step <= 5; ++step) curve.Add(Step(step, 9.0));
  // Back to the checkpoint of step 2.
  curve.Add(Step(3, 1.0));
  ASSERT_EQ(curve.points().size(), 3u);
  EXPECT_EQ(curve.points()[1].loss, 9.0);
  EXPECT_EQ(curve.points()[2], (LossPoint{3, 1.0, 0.5}));
}

}  // namespace
}  // namespace halfpipe
