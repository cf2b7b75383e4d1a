#include "common/store/safetensors_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::string WithLength(absl::string_view header, absl::string_view data) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) {
    file.push_back(static_cast<char>(header.size() >> shift & 0xff));
  }
  return absl::StrCat(file, header, data);
}

TEST(SafetensorsFileTest, ListsWhatTheReferenceLibraryWrote) {
  auto contents = ListSafetensors(Golden("layout.safetensors"));
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->tensors.size(), 27u);
  EXPECT_EQ(contents->metadata.at("format"), "pt");
  const ArchivedTensor& tensor = contents->tensors.at("a.F8_E4M3");
  EXPECT_EQ(tensor.dtype, DType::kF8E4M3);
  EXPECT_EQ(tensor.shape, (Shape{1, 2}));
  EXPECT_EQ(tensor.bytes, 2u);
  EXPECT_EQ(tensor.file, Golden("layout.safetensors"));
  std::string bytes =
      contents->files.front()->ReadStringAt(tensor.offset, 2).value();
  EXPECT_EQ(bytes, std::string("\x00\x38", 2));  // 0 and 1 in e4m3
  EXPECT_TRUE(contents->tensors.at("scalar").shape.empty());
  EXPECT_EQ(contents->tensors.at("empty").bytes, 0u);
}

struct BadHeader {
  const char* header;
  uint64_t data_bytes;
  const char* message;
};

class BadHeaderTest : public testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaderTest, IsRefusedWithItsReason) {
  const BadHeader& bad = GetParam();
  absl::string_view header = bad.header;
  auto contents = ParseSafetensorsHeader(
      header, 8 + header.size() + bad.data_bytes, "m.safetensors");
  ASSERT_FALSE(contents.ok());
  EXPECT_THAT(MessageOf(contents.status()), HasSubstr("m.safetensors"));
  EXPECT_THAT(MessageOf(contents.status()), HasSubstr(bad.message));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadHeaderTest,
    testing::Values(
        BadHeader{"[]", 0, "not a JSON object"},
        BadHeader{R"({"a":1})", 0, "tensor 'a'"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1]}})", 4, "tensor 'a'"},
        BadHeader{R"({"a":{"dtype":"U128","shape":[],"data_offsets":[0,4]}})",
                  4, "dtype 'U128' is not supported"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                  4, "\"shape\" is not made of whole numbers"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
                  4, "\"shape\" is not made of whole numbers"},
        BadHeader{
            R"({"a":{"dtype":"F32","shape":[4611686018427387904],
                      "data_offsets":[0,4]}})",
            4, "overflows"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
                  4, "span 4 bytes, but F32 [2] takes 8"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
                  4, "not [begin, end]"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})",
                  4, "not [begin, end]"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  8, "there is a gap"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                      "b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  4, "they overlap"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                      "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  8, "given twice"},
        BadHeader{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  5, "1 bytes behind its last tensor"},
        BadHeader{R"({"__metadata__":{"k":1}})", 0, "'k' is not a string"},
        BadHeader{R"({"__metadata__":[]})", 0, "not an object"}));

TEST(SafetensorsFileTest, ATruncatedFileIsDataLoss) {
  ScratchFolder scratch;
  std::string whole = ReadFile(Golden("layout.safetensors")).value();
  for (size_t cut :
       {size_t{0}, size_t{7}, size_t{8}, size_t{100}, whole.size() - 1}) {
    std::string path = scratch.Write("cut.safetensors", whole.substr(0, cut));
    absl::Status status = ListSafetensors(path).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << cut << ": " << status;
    EXPECT_THAT(MessageOf(status), HasSubstr("cut.safetensors"));
  }
}

TEST(SafetensorsFileTest, AnEndlessHeaderIsNotRead) {
  ScratchFolder scratch;
  std::string path =
      scratch.Write("long.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}");
  EXPECT_THAT(MessageOf(ListSafetensors(path).status()),
              HasSubstr("above the limit of 100000000"));
}

TEST(SafetensorsFileTest, APointerOfGitLfsIsNamed) {
  ScratchFolder scratch;
  std::string path = scratch.Write("p.safetensors",
                                   "version https://git-lfs.github.com/spec/v1"
                                   "\noid sha256:0\nsize 1\n");
  EXPECT_THAT(MessageOf(ListSafetensors(path).status()),
              HasSubstr("git lfs pull"));
}

TEST(SafetensorsFileTest, NoChangeOfOneByteBreaksTheReader) {
  const std::string whole = ReadFile(Golden("layout.safetensors")).value();
  const size_t header_bytes = whole.find("}}") + 2;
  std::string header = whole.substr(8, header_bytes - 8);
  for (size_t at = 0; at < header.size(); ++at) {
    for (char replacement : {'\0', '{', '"', '9', '\xff'}) {
      std::string changed = header;
      changed[at] = replacement;
      auto contents = ParseSafetensorsHeader(changed, whole.size(), "m");
      if (!contents.ok()) continue;
      for (const auto& [name, tensor] : contents->tensors) {
        ASSERT_LE(tensor.offset + tensor.bytes, whole.size());
      }
    }
  }
}

TEST(SafetensorsFileTest, AHeaderWithoutTensorsIsFine) {
  ScratchFolder scratch;
  std::string path = scratch.Write("e.safetensors", WithLength("{}  ", ""));
  auto contents = ListSafetensors(path);
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_TRUE(contents->tensors.empty());
}

}  // namespace
}  // namespace halfpipe
