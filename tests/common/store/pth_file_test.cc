#include "common/store/pth_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/store/tensor_archive.h"
#include "tests/common/store/memory_file.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Floats(const TensorArchive& archive,
                          const std::string& name) {
  std::vector<float> values(archive.tensors().at(name).bytes / 4);
  EXPECT_TRUE(archive.Read(name, values.data()).ok());
  return values;
}

// Both hold the same tensors, under protocols 2 and 4 of pickle, plain and as
// the single entry "state_dict".
class PthStateDictTest : public testing::TestWithParam<const char*> {};

TEST_P(PthStateDictTest, HoldsWhatTorchSaved) {
  auto opened = OpenTensorArchive(Golden(GetParam()));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const TensorArchive& archive = **opened;
  EXPECT_EQ(archive.tensors().size(), 6u);
  EXPECT_EQ(archive.tensors().at("linear.weight").shape, (Shape{2, 3}));
  EXPECT_THAT(Floats(archive, "linear.weight"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Floats(archive, "linear.bias"), ElementsAre(6, 7, 8));
  EXPECT_THAT(Floats(archive, "thin"), ElementsAre(3, 4));
  EXPECT_EQ(archive.tensors().at("half").dtype, DType::kBF16);
  uint16_t half[2];
  ASSERT_TRUE(archive.Read("half", half).ok());
  EXPECT_THAT(half, ElementsAre(0x3f80, 0xc020));
  EXPECT_TRUE(archive.tensors().at("scalar").shape.empty());
  int64_t scalar = 0;
  ASSERT_TRUE(archive.Read("scalar", &scalar).ok());
  EXPECT_EQ(scalar, 7);
  EXPECT_EQ(archive.tensors().at("empty").bytes, 0u);
  EXPECT_TRUE(archive.metadata().empty());
}

INSTANTIATE_TEST_SUITE_P(Protocols, PthStateDictTest,
                         testing::Values("ordered_dict.pth",
                                         "nested_protocol4.pth"));

TEST(PthFileTest, SkipsPlainValues) {
  auto contents = ListPth(Golden("scalars.pth"));
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->tensors.size(), 1u);
}

TEST(PthFileTest, ReadsFp8) {
  const auto archive = OpenTensorArchive(Golden("fp8.pth")).value();
  EXPECT_EQ(archive->tensors().at("q").dtype, DType::kF8E4M3);
  EXPECT_EQ(archive->tensors().at("q").shape, Shape{2});
  uint8_t ones[2] = {};
  ASSERT_TRUE(archive->Read("q", ones).ok());
  EXPECT_THAT(ones, ElementsAre(0x38, 0x38));
}

struct Refused {
  const char* file;
  const char* message;
};

class RefusedPthTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedPthTest, NamesTheReason) {
  absl::Status status = ListPth(Golden(GetParam().file)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr(GetParam().file));
  EXPECT_THAT(MessageOf(status), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedPthTest,
    testing::Values(
        Refused{"hostile.pth", "'posix.system'"},
        Refused{"legacy.pth", "_use_new_zipfile_serialization=True"},
        Refused{"transposed.pth", "tensor 't': its strides [1, 3]"},
        Refused{"training_state.pth", "its tensors are in its entry 'model'"}));

TEST(PthFileTest, ATruncatedFileIsRefused) {
  const std::string whole = ReadFile(Golden("ordered_dict.pth")).value();
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    MemoryFile file(absl::string_view(whole).substr(0, cut));
    absl::Status status = ListPth(file.path()).status();
    EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsInvalidArgument(status))
        << cut << ": " << status;
    EXPECT_THAT(MessageOf(status), HasSubstr(file.path()));
  }
}

TEST(PthFileTest, NoChangeOfOneByteBreaksTheReader) {
  const std::string whole = ReadFile(Golden("ordered_dict.pth")).value();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (at % 2 == 0 ? 0xff : 0x21));
    MemoryFile file(changed);
    auto contents = ListPth(file.path());
    if (!contents.ok()) continue;
    for (const auto& [name, tensor] : contents->tensors) {
      ASSERT_LE(tensor.offset + tensor.bytes, whole.size()) << at;
    }
  }
}

TEST(PthFileTest, RefusesOtherFiles) {
  ScratchFolder scratch;
  EXPECT_THAT(MessageOf(ListPth(scratch.Write("a.pth", "")).status()),
              HasSubstr("a.pth is empty (0 bytes)"));
  EXPECT_THAT(MessageOf(ListPth(scratch.Write("a.pth", "else")).status()),
              HasSubstr("not a file of torch.save"));
  EXPECT_THAT(MessageOf(ListPth(scratch.Write("a.pth", "PK\x03\x04")).status()),
              HasSubstr("truncated"));
  EXPECT_THAT(
      MessageOf(
          ListPth(scratch.Write("b.pth", "version https://git-lfs")).status()),
      HasSubstr("git lfs pull"));
  EXPECT_TRUE(absl::IsNotFound(ListPth(scratch / "none.pth").status()));
}

}  // namespace
}  // namespace halfpipe
