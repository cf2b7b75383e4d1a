#include "common/stage/lora_start.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/tensor.h>

#include <string>
#include <vector>

#include "common/store/lora_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kModule = "blocks.0.self_attn.q";
constexpr int64_t kIn = 3;
constexpr int64_t kOut = 2;
constexpr int64_t kRank = 2;

LoraAdapter NewAdapter(const std::string& module, const LoraSpec& spec) {
  return MakeLoraAdapter(
      module, kIn, kOut, spec.rank, spec.scale(), at::kCPU,
      [](absl::string_view, const at::Tensor& out) { out.fill_(0.5); });
}

class LoraStartTest : public ::testing::Test {
 protected:
  // A file with kModule and one more, whose scale is 8 / kRank = 4.
  LoraStartTest() {
    LoraExport file;
    file.format = LoraFormat::kComfyUi;
    file.dtype = DType::kF32;
    file.alpha = 8;
    for (const char* module : {kModule, "blocks.0.self_attn.k"}) {
      file.adapters.push_back({.module = module,
                               .rank = kRank,
                               .in = kIn,
                               .out = kOut,
                               .a = a_.data(),
                               .b = b_.data()});
    }
    const absl::Status written = ExportLora(path_, file);
    EXPECT_TRUE(written.ok()) << written;
  }

  const std::string path_ =
      ::testing::TempDir() + "/lora_start_test.safetensors";
  const std::vector<float> a_ = {1, 2, 3, 4, 5, 6};
  const std::vector<float> b_ = {1, -1, 0.5, 2};
  const LoraSpec spec_ = {.rank = kRank, .alpha = 4, .targets = {"q"}};
};

TEST_F(LoraStartTest, TheProductIsTheFiles) {
  LoraAdapter adapter = NewAdapter(kModule, spec_);
  const absl::Status started = StartFromLora(path_, spec_, {&adapter});
  ASSERT_TRUE(started.ok()) << started;
  const at::Tensor a = at::tensor(a_).view({kRank, kIn});
  const at::Tensor b = at::tensor(b_).view({kOut, kRank});
  EXPECT_TRUE(adapter.a.master.equal(a));
  const at::Tensor made = spec_.scale() * adapter.b.master.mm(adapter.a.master);
  EXPECT_TRUE(at::allclose(made, 4.0 * b.mm(a))) << made;
}

TEST_F(LoraStartTest, AModuleThatIsMissingIsNamed) {
  LoraAdapter adapter = NewAdapter("blocks.1.self_attn.q", spec_);
  const absl::Status refused = StartFromLora(path_, spec_, {&adapter});
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("lora.init_from"), HasSubstr(path_),
                    HasSubstr("blocks.1.self_attn.q")));
}

TEST_F(LoraStartTest, AnotherRankIsRefused) {
  const LoraSpec wider = {.rank = 4, .alpha = 4, .targets = {"q"}};
  LoraAdapter adapter = NewAdapter(kModule, wider);
  const absl::Status refused = StartFromLora(path_, wider, {&adapter});
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.message(), AllOf(HasSubstr(kModule), HasSubstr("rank 2"),
                                       HasSubstr("expected rank 4")));
}

}  // namespace
}  // namespace halfpipe
