// The same values give the same bits wherever they lie: what "bit for bit" of a
// restarted job rests on, whose tensors lie elsewhere. Run again with other
// code of ATen's and as on another maker's CPU (CMakeLists.txt).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <vector>

#include "common/base/cpu_arithmetic.h"
#include "stage/kernels/attention.h"
#include "stage/kernels/linear.h"

namespace halfpipe {
namespace {

// Bytes past a multiple of 64.
constexpr int64_t kOffsets[] = {0, 4, 16, 32, 48};

// A contiguous copy of `x` that begins `offset` bytes past a multiple of 64.
at::Tensor PlacedAt(const at::Tensor& x, int64_t offset) {
  const int64_t bytes = x.numel() * x.element_size();
  const at::Tensor buffer = at::empty({bytes + 128}, at::kByte);
  const auto address = reinterpret_cast<uintptr_t>(buffer.data_ptr());
  const int64_t begin = static_cast<int64_t>(-address % 64) + offset;
  at::Tensor placed = at::from_blob(
      static_cast<char*>(buffer.data_ptr()) + begin, x.sizes(),
      [buffer](void*) {}, x.options());
  placed.copy_(x);
  return placed;
}

using Tensors = std::vector<at::Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

// Bits of `function` for the inputs at every pair of offsets.
void ExpectTheSameEverywhere(const Tensors& inputs, const Function& function) {
  const Tensors expected = function(inputs);
  for (const int64_t first : kOffsets) {
    for (const int64_t others : kOffsets) {
      SCOPED_TRACE(testing::Message() << first << " and " << others);
      Tensors placed;
      for (const at::Tensor& input : inputs) {
        placed.push_back(PlacedAt(input, placed.empty() ? first : others));
      }
      const Tensors found = function(placed);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(expected[i].equal(found[i])) << "result " << i;
      }
    }
  }
}

class ReproducibleProductsTest : public testing::Test {
 protected:
  ReproducibleProductsTest() {
    at::manual_seed(5);
    at::set_num_threads(1);
  }
};

TEST_F(ReproducibleProductsTest, MklIsInAModeThatSaysSo) {
  EXPECT_NE(MklMode(), "off");
  EXPECT_NE(MklMode(), "absent");
}

// COMPATIBLE is several times slower there, and its products of one head are
// not those of all heads.
TEST_F(ReproducibleProductsTest, ZenHasItsOwnCode) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_is("amd") != 0 && __builtin_cpu_supports("avx2") != 0 &&
      std::getenv("MKL_CBWR") == nullptr) {
    EXPECT_EQ(MklMode(), "AUTO,STRICT,ZEN");
    return;
  }
#endif
  GTEST_SKIP() << "another CPU, or a mode of the user's";
}

struct LinearCase {
  int64_t rows, in, out;
};

TEST_F(ReproducibleProductsTest, LinearLayersAtEveryAddress) {
  for (const LinearCase c : {LinearCase{6, 12, 12},
                             {12, 12, 36},
                             {4, 7, 5},
                             {33, 48, 17},
                             {1, 96, 96},
                             {72, 12, 48},
                             {180, 96, 384},
                             {50, 384, 96},
                             {12, 2, 12}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << c.rows << " " << c.in << " " << c.out
                                      << " " << at::toString(dtype));
      const Tensors inputs = {at::randn({c.rows, c.in}).to(dtype),
                              at::randn({c.out, c.in}).to(dtype),
                              at::randn({c.out}).to(dtype),
                              at::randn({c.rows, c.out}).to(dtype)};
      ExpectTheSameEverywhere(inputs, [](const Tensors& t) -> Tensors {
        const LinearWeights weights = {t[1], t[2]};
        return {Linear(t[0], weights), LinearBackward(t[3], weights),
                RowOuterProduct(t[3], t[0])};
      });
    }
  }
}

struct AttentionCase {
  int64_t batch, queries, keys, heads, head_dim;
};

Tensors RandomHeads(const AttentionCase& c) {
  const auto of = [&c](int64_t tokens) {
    return at::randn({c.batch, tokens, c.heads, c.head_dim});
  };
  return {of(c.queries), of(c.keys), of(c.keys), of(c.queries)};
}

constexpr AttentionCase kAttentions[] = {{2, 6, 6, 2, 6},
                                         {1, 6, 9, 2, 6},
                                         {2, 50, 50, 4, 12},
                                         {1, 100, 70, 4, 16},
                                         {1, 33, 33, 6, 10}};

// Output and gradients for q, k, v and the output's gradient.
Tensors AttentionBothWays(const Tensors& t) {
  AttentionSaved saved;
  const at::Tensor out =
      Attention(t[0], t[1], t[2], AttentionBackend::kCpuFlash, &saved);
  const AttentionGrads grads = AttentionBackward(t[3], t[0], t[1], t[2], saved,
                                                 AttentionBackend::kCpuFlash);
  return {out, grads.dq, grads.dk, grads.dv};
}

TEST_F(ReproducibleProductsTest, AttentionAtEveryAddress) {
  for (const AttentionCase& c : kAttentions) {
    SCOPED_TRACE(testing::Message() << c.queries << " by " << c.keys);
    ExpectTheSameEverywhere(RandomHeads(c), AttentionBothWays);
  }
}

// A group's rows lie apart as all heads' do, or close together as a copy's.
TEST_F(ReproducibleProductsTest, AGroupOfHeadsAsAllOfThem) {
  for (const AttentionCase& c : kAttentions) {
    const Tensors inputs = RandomHeads(c);
    const Tensors whole = AttentionBothWays(inputs);
    for (int64_t count = 1; count <= c.heads; ++count) {
      for (int64_t first = 0; first + count <= c.heads; ++first) {
        SCOPED_TRACE(testing::Message() << c.queries << " by " << c.keys << ": "
                                        << first << " and " << count);
        Tensors views, copies;
        for (const at::Tensor& x : inputs) {
          views.push_back(x.narrow(2, first, count));
          copies.push_back(PlacedAt(views.back(), 16));
        }
        for (const Tensors& group : {views, copies}) {
          const Tensors part = AttentionBothWays(group);
          for (size_t i = 0; i < whole.size(); ++i) {
            EXPECT_TRUE(whole[i].narrow(2, first, count).equal(part[i])) << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace halfpipe
