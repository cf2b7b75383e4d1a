#include "stage/job/archive_fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "stage/job/small_job.h"

namespace halfpipe {
namespace {

TEST(ArchiveFingerprintTest, IsOfTheContentAndNothingElse) {
  ScratchFolder folder;
  const std::string path = folder / "a.safetensors";
  WriteForms(path, {{"x", {3}}, {"y", {2, 2}}});
  const auto fingerprint = ContentFingerprint(path);
  ASSERT_TRUE(fingerprint.ok()) << fingerprint.status();
  EXPECT_EQ(fingerprint->size(), 64u);
  std::filesystem::copy_file(path, folder / "b.safetensors");
  EXPECT_EQ(*ContentFingerprint(folder / "b.safetensors"), *fingerprint);
  WriteForms(path, {{"x", {3}}, {"z", {2, 2}}});
  EXPECT_NE(*ContentFingerprint(path), *fingerprint);
  WriteForms(path, {{"x", {3}}, {"y", {4}}});
  EXPECT_NE(*ContentFingerprint(path), *fingerprint);
  WriteForms(path, {{"x", {3}}, {"y", {2, 2}}}, DType::kI32);
  EXPECT_NE(*ContentFingerprint(path), *fingerprint);
}

// Not a sample of them: any byte counts, also of a tensor of several pieces.
TEST(ArchiveFingerprintTest, EveryByteCounts) {
  ScratchFolder folder;
  const std::string path = folder / "a.safetensors";
  WriteForms(path, {{"x", {(5 << 20) / 4}}});
  const std::string before = *ContentFingerprint(path);
  for (const int from_end : {1, 3 << 19, 3 << 20}) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-from_end, std::ios::end);
    file.put(2);
    file.close();
    EXPECT_NE(*ContentFingerprint(path), before) << from_end;
    file.open(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-from_end, std::ios::end);
    file.put(1);
    file.close();
    EXPECT_EQ(*ContentFingerprint(path), before) << from_end;
  }
  EXPECT_TRUE(absl::IsNotFound(
      ContentFingerprint(folder / "none.safetensors").status()));
}

}  // namespace
}  // namespace halfpipe
