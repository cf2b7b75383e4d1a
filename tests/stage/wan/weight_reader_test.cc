#include "stage/wan/weight_reader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/fake_archive.h"

namespace halfpipe {
namespace {

constexpr int64_t kBlock = WeightReader::kBlockBytes;

// Counts reads and fails them for one tensor, as a damaged file would.
class WatchedArchive : public FakeArchive {
 public:
  absl::Status ReadRange(absl::string_view name, uint64_t offset,
                         uint64_t bytes, void* destination) const override {
    read_bytes += bytes;
    if (name == broken) return absl::DataLossError("fake ends at byte 7");
    return FakeArchive::ReadRange(name, offset, bytes, destination);
  }

  std::string broken;
  mutable std::atomic<uint64_t> read_bytes = 0;
};

at::Tensor Pattern(int64_t count, int64_t seed) {
  return at::arange(seed, seed + count, at::kInt).view(at::kFloat);
}

class WeightReaderTest : public testing::Test {
 protected:
  void Add(const std::string& name, const at::Tensor& value) {
    const Shape shape(value.sizes().begin(), value.sizes().end());
    archive_.Add(name, DType::kF32, shape, value.data_ptr());
    values_[name] = value;
  }

  void ExpectReads(WeightReader& reader, const std::string& name) {
    const auto tensor = reader.Read(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    ASSERT_EQ(tensor->sizes(), values_[name].sizes());
    EXPECT_EQ(tensor->scalar_type(), at::kFloat);
    EXPECT_TRUE(tensor->view(at::kInt).equal(values_[name].view(at::kInt)));
  }

  WatchedArchive archive_;
  std::map<std::string, at::Tensor> values_;
};

TEST_F(WeightReaderTest, PutsTheBlocksOfATensorTogether) {
  // Not a multiple of the block, more blocks than threads, and no block.
  Add("odd", Pattern(kBlock / 4 * 3 + 17, 5));
  Add("many", Pattern(kBlock / 4 * (WeightReader::kThreads + 1), 9));
  Add("small", Pattern(3, 1).view({1, 3}));
  Add("empty", at::empty({0, 4}));
  WeightReader reader(&archive_, at::kCPU);
  for (const auto& [name, value] : values_) ExpectReads(reader, name);
}

TEST_F(WeightReaderTest, ReadsEachExpectedTensorOnceInWhateverOrder) {
  std::vector<std::string> names;
  uint64_t total = 0;
  for (int i = 0; i < 40; ++i) {
    names.push_back(absl::StrCat("t", i));
    Add(names.back(), Pattern(1000 + i, 100 * i));
    total += values_[names.back()].nbytes();
  }
  WeightReader reader(&archive_, at::kCPU);
  std::vector<std::string> expected = names;
  expected.insert(expected.begin() + 3, "nobody knows it");
  reader.Expect(expected);
  for (size_t i = 0; i < names.size(); i += 2) ExpectReads(reader, names[i]);
  for (size_t i = names.size(); i > 0; i -= 2) {
    ExpectReads(reader, names[i - 1]);
  }
  EXPECT_EQ(archive_.read_bytes, total);
}

TEST_F(WeightReaderTest, ReadsNoFurtherAheadThanItsLimit) {
  constexpr int64_t kEach = 1000;
  std::vector<std::string> names;
  for (int64_t i = 0; i < 12; ++i) {
    names.push_back(absl::StrCat("t", i));
    archive_.Add(names.back(), DType::kU8, {kEach});
  }
  {
    WeightReader reader(&archive_, at::kCPU, /*ahead_bytes=*/4 * kEach);
    reader.Expect(names);
    ASSERT_TRUE(reader.Read(names[0]).ok());
  }
  // The destructor drops what nobody asked for.
  EXPECT_LE(archive_.read_bytes, 5 * kEach);
  archive_.read_bytes = 0;
  WeightReader reader(&archive_, at::kCPU, /*ahead_bytes=*/4 * kEach);
  reader.Expect(names);
  for (const std::string& name : names) ASSERT_TRUE(reader.Read(name).ok());
  EXPECT_EQ(archive_.read_bytes, 12 * kEach);
}

TEST_F(WeightReaderTest, AnErrorNamesTheTensorAndSparesTheOthers) {
  Add("good", Pattern(100, 1));
  Add("bad", Pattern(kBlock, 2));
  archive_.broken = "bad";
  WeightReader reader(&archive_, at::kCPU);
  reader.Expect({"good", "bad"});
  const absl::Status status = reader.Read("bad").status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("bad"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find("ends at byte 7"), absl::string_view::npos);
  ExpectReads(reader, "good");
  EXPECT_TRUE(absl::IsNotFound(reader.Read("missing").status()));
}

}  // namespace
}  // namespace halfpipe
