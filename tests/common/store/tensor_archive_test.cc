#include "common/store/tensor_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/store/safetensors_writer.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TensorArchiveTest : public testing::Test {
 protected:
  ScratchFolder scratch_;

  void Write(absl::string_view file, const std::string& name, float first) {
    const float values[] = {first, first + 1, first + 2};
    ASSERT_TRUE(WriteSafetensors(scratch_ / file,
                                 {{name, DType::kF32, {3}, values}}, {})
                    .ok());
  }

  static std::vector<float> Floats(const TensorArchive& archive,
                                   const std::string& name) {
    std::vector<float> values(archive.tensors().at(name).bytes / 4);
    EXPECT_TRUE(archive.Read(name, values.data()).ok());
    return values;
  }
};

TEST_F(TensorArchiveTest, ReadsATensorAndAPartOfIt) {
  Write("m.safetensors", "w", 1);
  auto archive = OpenTensorArchive(scratch_ / "m.safetensors").value();
  EXPECT_EQ(archive->path(), scratch_ / "m.safetensors");
  EXPECT_THAT(Floats(*archive, "w"), ElementsAre(1, 2, 3));
  float part[2];
  ASSERT_TRUE(archive->ReadRange("w", 4, 8, part).ok());
  EXPECT_THAT(part, ElementsAre(2, 3));
  EXPECT_TRUE(absl::IsInvalidArgument(archive->ReadRange("w", 8, 8, part)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(archive->ReadRange("w", UINT64_MAX, 8, part)));
}

TEST_F(TensorArchiveTest, AnUnknownNameGetsTheNearest) {
  Write("m.safetensors", "blocks.0.q", 1);
  auto archive = OpenTensorArchive(scratch_ / "m.safetensors").value();
  absl::Status status = archive->Read("block.0.q", nullptr);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("nearest name is 'blocks.0.q'"));
}

TEST_F(TensorArchiveTest, AFolderOfShardsIsOneModel) {
  Write("b.safetensors", "two", 4);
  Write("a.safetensors", "one", 1);
  scratch_.Write("config.json", "{}");
  auto archive = OpenTensorArchive(scratch_.path()).value();
  EXPECT_THAT(Floats(*archive, "one"), ElementsAre(1, 2, 3));
  EXPECT_THAT(Floats(*archive, "two"), ElementsAre(4, 5, 6));
}

TEST_F(TensorArchiveTest, AnIndexGoesBeforeOtherFiles) {
  Write("a.safetensors", "one", 1);
  Write("stray.safetensors", "one", 9);
  scratch_.Write("m.safetensors.index.json",
                 R"({"weight_map":{"one":"a.safetensors"}})");
  auto archive = OpenTensorArchive(scratch_.path()).value();
  EXPECT_THAT(Floats(*archive, "one"), ElementsAre(1, 2, 3));
  scratch_.Write("n.safetensors.index.json", "{}");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("several checkpoints"));
}

TEST_F(TensorArchiveTest, AFolderMayHoldOnePth) {
  std::filesystem::copy(Golden("ordered_dict.pth"), scratch_ / "m.pth");
  auto archive = OpenTensorArchive(scratch_.path()).value();
  EXPECT_THAT(Floats(*archive, "linear.bias"), ElementsAre(6, 7, 8));
  std::filesystem::copy(Golden("ordered_dict.pth"), scratch_ / "n.pth");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("several checkpoints"));
}

// As transformers wrote models before safetensors.
TEST_F(TensorArchiveTest, AFolderMayHoldThePartsOfAPth) {
  std::filesystem::copy(Golden("ordered_dict.pth"),
                        scratch_ / "m-00002-of-00002.bin");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("m-00001-of-00002.bin does not exist"));
  std::filesystem::copy(Golden("ordered_dict.pth"),
                        scratch_ / "m-00001-of-00002.bin");
  // Read as one model: no tensor may be in two parts.
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("m-00001-of-00002.bin and in"));
}

TEST_F(TensorArchiveTest, AFolderThatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  std::filesystem::create_directories(scratch_ / "m");
  ASSERT_EQ(chmod((scratch_ / "m").c_str(), 0), 0);
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_ / "m").status()),
              HasSubstr("m may not be read by this user"));
}

TEST_F(TensorArchiveTest, HiddenFilesAreNoParts) {
  Write("m.safetensors", "w", 1);
  scratch_.Write("._m.safetensors", "notes of macOS");
  auto archive = OpenTensorArchive(scratch_.path());
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_THAT(Floats(**archive, "w"), ElementsAre(1, 2, 3));
}

TEST_F(TensorArchiveTest, SaysWhatAFolderHoldsInstead) {
  std::filesystem::create_directories(scratch_ / "high");
  Write("high/m.safetensors", "w", 1);
  std::filesystem::create_directories(scratch_ / "empty");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              testing::EndsWith("file; of its folders there is " +
                                (scratch_ / "high")));
  scratch_.Write("m-Q4_K.gguf", "GGUF\x03...");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("m-Q4_K.gguf is a GGUF file"));
  scratch_.Write("a.safetensors.part", "x");
  EXPECT_THAT(MessageOf(OpenTensorArchive(scratch_.path()).status()),
              HasSubstr("a.safetensors.part is a download"));
}

TEST_F(TensorArchiveTest, APartThatIsMissingIsNamed) {
  Write("m-00001-of-00002.safetensors", "w", 1);
  const absl::Status status = OpenTensorArchive(scratch_.path()).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(MessageOf(status),
              HasSubstr("m-00002-of-00002.safetensors does not exist"));
}

TEST_F(TensorArchiveTest, SaysWhatIsMissing) {
  EXPECT_TRUE(absl::IsNotFound(OpenTensorArchive(scratch_.path()).status()));
  EXPECT_TRUE(absl::IsNotFound(
      OpenTensorArchive(scratch_ / "none.safetensors").status()));
  // A folder that is not there has no extension to complain about.
  const absl::Status nowhere = OpenTensorArchive(scratch_ / "none").status();
  EXPECT_TRUE(absl::IsNotFound(nowhere)) << nowhere;
  EXPECT_THAT(MessageOf(nowhere),
              HasSubstr("none does not exist: no such file or folder"));
  std::string text = scratch_.Write("m.txt", "x");
  EXPECT_THAT(MessageOf(OpenTensorArchive(text).status()),
              HasSubstr("unknown extension"));
}

TEST_F(TensorArchiveTest, AFileThatShrinksLaterIsDataLoss) {
  Write("m.safetensors", "w", 1);
  auto archive = OpenTensorArchive(scratch_ / "m.safetensors").value();
  std::filesystem::resize_file(scratch_ / "m.safetensors", 20);
  float values[3];
  EXPECT_TRUE(absl::IsDataLoss(archive->Read("w", values)));
}

}  // namespace
}  // namespace halfpipe
