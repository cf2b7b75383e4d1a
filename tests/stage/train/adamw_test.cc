#include "stage/train/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace halfpipe {
namespace {

// The update of the header, written out in float64 for one number.
double Reference(double p, const std::vector<double>& gradients, double lr,
                 const AdamWOptions& o) {
  double m = 0.0;
  double v = 0.0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const double g = gradients[i];
    const double t = static_cast<double>(i + 1);
    p -= lr * o.weight_decay * p;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t));
    const double v_hat = v / (1 - std::pow(o.beta2, t));
    p -= lr * m_hat / (std::sqrt(v_hat) + o.eps);
  }
  return p;
}

TEST(AdamWTest, MatchesTheFormulaOverSeveralSteps) {
  at::Tensor parameter = at::tensor({0.5F, -2.0F, 3.0F});
  AdamW optimizer({parameter}, {});
  const std::vector<double> gradients = {0.1, -0.4, 0.05, 2.0};
  for (double g : gradients) {
    optimizer.Step({at::full({3}, g, at::kFloat)}, 1e-2);
  }
  EXPECT_EQ(optimizer.steps(), 4);
  const double start[] = {0.5, -2.0, 3.0};
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(parameter[i].item<double>(),
                Reference(start[i], gradients, 1e-2, {}), 1e-6);
  }
}

TEST(AdamWTest, RestoredStatesContinueBitForBit) {
  at::Tensor straight = at::tensor({1.0F, 2.0F});
  AdamW a({straight}, {});
  a.Step({at::tensor({0.3F, -0.2F})}, 1e-2);
  at::Tensor resumed = straight.clone();
  AdamW b({resumed}, {});
  b.first_moments()[0].copy_(a.first_moments()[0]);
  b.second_moments()[0].copy_(a.second_moments()[0]);
  b.set_steps(a.steps());
  a.Step({at::tensor({0.1F, 0.7F})}, 1e-2);
  b.Step({at::tensor({0.1F, 0.7F})}, 1e-2);
  EXPECT_TRUE(at::equal(straight, resumed));
}

TEST(AdamWTest, StreamedStatesHaveTheSameBits) {
  at::manual_seed(1);
  // More than fits into one part, of several shapes.
  std::vector<at::Tensor> here;
  std::vector<at::Tensor> streamed;
  for (int64_t rows : {3000, 1, 2500, 7, 4000}) {
    here.push_back(at::randn({rows, 2048}));
    streamed.push_back(here.back().clone());
  }
  AdamW a(here, {});
  AdamW b(streamed, {}, at::Device(at::kCPU));
  EXPECT_EQ(a.host_bytes(), 0);
  EXPECT_EQ(b.host_bytes(), int64_t{9508} * 2048 * 4 * 3);
  for (int step = 0; step < 2; ++step) {
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : here) {
      gradients.push_back(at::randn(parameter.sizes()));
    }
    a.Step(gradients, 1e-2);
    b.Step(gradients, 1e-2);
  }
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_TRUE(here[i].equal(streamed[i]));
    EXPECT_TRUE(a.first_moments()[i].equal(b.first_moments()[i]));
    EXPECT_TRUE(a.second_moments()[i].equal(b.second_moments()[i]));
  }
}

}  // namespace
}  // namespace halfpipe
