// An encoder that is opened on the device kMeta reads nothing, and refuses what
// it would refuse on any other: the scan of a job relies on that.
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "stage/encoders/golden_file.h"
#include "stage/encoders/umt5_encoder.h"
#include "stage/encoders/wan_vae.h"

namespace halfpipe {
namespace {

absl::Status LoadUmt5(const TensorArchive& archive, at::Device device) {
  return Umt5Encoder::Load(archive, device, at::kFloat).status();
}

absl::Status LoadVae(const TensorArchive& archive, at::Device device) {
  return WanVae::Load(archive, device, at::kFloat).status();
}

// Fails every read.
class UnreadableArchive : public FakeTensorArchive {
 public:
  absl::Status Read(absl::string_view /*name*/,
                    void* /*destination*/) const override {
    return absl::InternalError("read");
  }

  absl::Status ReadRange(absl::string_view /*name*/, uint64_t /*offset*/,
                         uint64_t /*bytes*/,
                         void* /*destination*/) const override {
    return absl::InternalError("read");
  }
};

struct Case {
  const char* golden;
  absl::Status (*load)(const TensorArchive&, at::Device);
};

class MetaLoadTest : public ::testing::TestWithParam<Case> {
 protected:
  // The golden with one tensor that `change` makes another, or takes out.
  void ExpectSameRefusal(
      const std::string& name,
      const std::function<void(FakeTensorArchive*)>& change) {
    FakeTensorArchive archive;
    archive.Copy(*OpenGolden(GetParam().golden));
    change(&archive);
    const absl::Status loaded = GetParam().load(archive, at::kCPU);
    EXPECT_EQ(GetParam().load(archive, at::kMeta), loaded) << name;
    refusals_ += loaded.ok() ? 0 : 1;
  }

  int refusals_ = 0;
};

TEST_P(MetaLoadTest, ReadsNothing) {
  const auto golden = OpenGolden(GetParam().golden);
  UnreadableArchive archive;
  for (const auto& [name, tensor] : golden->tensors()) {
    archive.Add(name, tensor.dtype, tensor.shape);
  }
  EXPECT_EQ(GetParam().load(archive, at::kMeta), absl::OkStatus());
  EXPECT_FALSE(GetParam().load(archive, at::kCPU).ok());
}

TEST_P(MetaLoadTest, RefusesWhatLoadingRefuses) {
  const auto golden = OpenGolden(GetParam().golden);
  int tensors = 0;
  for (const auto& [name, tensor] : golden->tensors()) {
    ++tensors;
    const Shape shape = tensor.shape;
    const DType dtype = tensor.dtype;
    ExpectSameRefusal(name, [&](auto* archive) { archive->Remove(name); });
    ExpectSameRefusal(name, [&](auto* archive) {
      Shape other = shape;
      ++other.front();
      archive->Remove(name);
      archive->Add(name, dtype, other);
    });
    ExpectSameRefusal(name, [&](auto* archive) {
      Shape other = shape;
      other.push_back(2);
      archive->Remove(name);
      archive->Add(name, dtype, other);
    });
    ExpectSameRefusal(name, [&](auto* archive) {
      archive->Remove(name);
      archive->Add(name, DType::kI32, shape);
    });
  }
  // Not every tensor of a file is the encoder's.
  EXPECT_GT(refusals_, tensors);
}

// All tensors of a layer that others follow: nothing asks for them by name.
TEST_P(MetaLoadTest, ALayerThatIsMissingIsNoEnd) {
  const auto golden = OpenGolden(GetParam().golden);
  FakeTensorArchive archive;
  archive.Copy(*golden);
  int removed = 0;
  for (const auto& [name, tensor] : golden->tensors()) {
    for (const char* layer :
         {"blocks.1.", "encoder.block.1.", "encoder.downsamples.9.",
          "encoder.down_blocks.0.resnets.0."}) {
      if (!absl::StartsWith(name, layer)) continue;
      archive.Remove(name);
      ++removed;
    }
  }
  ASSERT_GT(removed, 0);
  const absl::Status refused = GetParam().load(archive, at::kMeta);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              ::testing::HasSubstr("the file is not whole"));
  EXPECT_EQ(GetParam().load(archive, at::kCPU), refused);
}

INSTANTIATE_TEST_SUITE_P(EveryEncoder, MetaLoadTest,
                         ::testing::Values(Case{"umt5_transformers.safetensors",
                                                LoadUmt5},
                                           Case{"umt5.pth", LoadUmt5},
                                           Case{"vae21.safetensors", LoadVae},
                                           Case{"vae22.safetensors", LoadVae}));

}  // namespace
}  // namespace halfpipe
