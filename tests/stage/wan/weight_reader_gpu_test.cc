// The staged way to a CUDA device: blocks, their order, and memory that the
// stream has used before.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/fake_archive.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/wan/weight_reader.h"

namespace halfpipe {
namespace {

TEST(WeightReaderGpuTest, ReadsWhatTheArchiveHolds) {
  if (const absl::Status gpu = EnsureCudaLoaded(); !gpu.ok()) {
    GTEST_SKIP() << gpu;
  }
  const at::Device device(at::kCUDA, 0);
  constexpr int64_t kLargest = WeightReader::kBlockBytes / 4 * 20;
  FakeArchive archive;
  std::vector<std::string> names;
  std::vector<at::Tensor> values;
  for (int64_t i = 0; i < 12; ++i) {
    values.push_back(
        at::arange(i, i + kLargest - 1000 * i, at::kInt).view(at::kFloat));
    names.push_back(absl::StrCat("t", i));
    archive.Add(names.back(), DType::kF32, {values.back().numel()},
                values.back().data_ptr());
  }
  WeightReader reader(&archive, device);
  reader.Expect(names);
  for (size_t i = 0; i < names.size(); ++i) {
    // Work on memory that the next tensor may get.
    at::zeros({kLargest}, at::TensorOptions().device(device)).add_(1.0);
    const auto tensor = reader.Read(names[i]);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_TRUE(tensor->cpu().view(at::kInt).equal(values[i].view(at::kInt)));
  }
}

TEST(WeightReaderGpuTest, MayEndBeforeEveryTensorIsTaken) {
  if (const absl::Status gpu = EnsureCudaLoaded(); !gpu.ok()) {
    GTEST_SKIP() << gpu;
  }
  FakeArchive archive;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back(absl::StrCat("t", i));
    archive.Add(names.back(), DType::kU8, {WeightReader::kBlockBytes * 3});
  }
  WeightReader reader(&archive, at::Device(at::kCUDA, 0));
  reader.Expect(names);
  EXPECT_TRUE(reader.Read(names[1]).ok());
}

}  // namespace
}  // namespace halfpipe
