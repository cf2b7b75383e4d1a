#include "client/demo/random_tensors.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/store/scratch_folder.h"
#include "common/store/tensor_archive.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

std::vector<float> ValuesOf(const std::string& file, const std::string& name) {
  const auto archive = OpenTensorArchive(file).value();
  std::vector<float> values(archive->tensors().at(name).bytes / sizeof(float));
  EXPECT_TRUE(archive->Read(name, values.data()).ok());
  return values;
}

double Mean(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Deviation(const std::vector<float>& values) {
  const double mean = Mean(values);
  double sum = 0.0;
  for (const float value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(RandomTensorsTest, NumbersHaveTheMeanAndDeviationAskedFor) {
  const ScratchFolder scratch;
  RandomTensors tensors(7);
  tensors.Add("numbers", {100, 100}, 0.5, 2.0);
  tensors.AddLayer("layer", {50, 4, 10});
  ASSERT_TRUE(tensors.Write(scratch / "a.safetensors").ok());
  const auto numbers = ValuesOf(scratch / "a.safetensors", "numbers");
  EXPECT_NEAR(Mean(numbers), 2.0, 0.03);
  EXPECT_NEAR(Deviation(numbers), 0.5, 0.03);
  const auto weight = ValuesOf(scratch / "a.safetensors", "layer.weight");
  EXPECT_NEAR(Deviation(weight), 1.0 / std::sqrt(40.0), 0.01);
  EXPECT_EQ(ValuesOf(scratch / "a.safetensors", "layer.bias").size(), 50u);
}

TEST(RandomTensorsTest, ShiftMovesOneRow) {
  const ScratchFolder scratch;
  RandomTensors tensors(7);
  tensors.Add("rows", {1, 3, 2}, 0.0);
  tensors.Shift("rows", 1, 1.0F);
  ASSERT_TRUE(tensors.Write(scratch / "a.safetensors").ok());
  EXPECT_EQ(ValuesOf(scratch / "a.safetensors", "rows"),
            (std::vector<float>{0, 0, 1, 1, 0, 0}));
}

TEST(RandomTensorsTest, ASeedGivesTheSameBytesAndAnotherOthers) {
  const ScratchFolder scratch;
  std::vector<std::string> files;
  for (const uint64_t seed : {1, 1, 2}) {
    RandomTensors tensors(seed);
    tensors.Add("numbers", {10}, 1.0);
    files.push_back(scratch / std::to_string(files.size()));
    ASSERT_TRUE(tensors.Write(files.back()).ok());
  }
  EXPECT_EQ(ReadFile(files[0]).value(), ReadFile(files[1]).value());
  EXPECT_NE(ReadFile(files[0]).value(), ReadFile(files[2]).value());
}

}  // namespace
}  // namespace halfpipe
