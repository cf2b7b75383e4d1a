#include "client/lora/finished_lora.h"

#include <filesystem>
#include <string>

#include "client/client_test_support.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/checkpoint_manifest.h"
#include "common/store/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kName[] = "lora.diffsynth.safetensors";
const std::string kDigest(64, 'a');
const std::string kOtherDigest(64, 'b');

// A job of six steps that has just ended: a checkpoint with the LoRA and the
// export, which is a link to it.
class FinishedLoraTest : public ::testing::Test {
 protected:
  FinishedLoraTest() {
    job_.config_digest = kDigest;
    job_.steps_done = 6;
    Checkpoint last;
    last.steps_done = 6;
    last.directory = directory_.Path("step-00000006");
    HP_CHECK(MakeDirectories(last.directory).ok());
    WriteLora(last.directory + "/" + kName, kDigest);
    WriteManifestOf(kDigest);
    std::filesystem::create_hard_link(last.directory + "/" + kName, export_);
    job_.checkpoints = {last};
    job_.exports = {export_};
    content_ = *ReadFile(export_);
  }

  static void WriteLora(const std::string& path, const std::string& digest) {
    const float value = 1.5f;
    HP_CHECK(WriteSafetensors(
                 path, {{"a", DType::kF32, {1}, &value}},
                 {{"halfpipe.config_digest", digest}, {"halfpipe.step", "6"}})
                 .ok());
  }

  void WriteManifestOf(const std::string& digest) const {
    const std::string folder = directory_.Path("step-00000006");
    CheckpointManifest manifest;
    manifest.step = 6;
    manifest.config_digest = digest;
    manifest.data_digest = kDigest;
    manifest.data_cursor = 24;
    manifest.threads = 1;
    manifest.split = 2;
    manifest.stages = 2;
    manifest.files = {*DescribeFile(folder, kName)};
    const absl::Status written = WriteManifest(folder, manifest);
    HP_CHECK(written.ok());
  }

  void ExpectFailure(const std::string& why) const {
    const auto restored = RestoreFinishedLora(job_);
    EXPECT_EQ(restored.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(restored.status().message(),
                AllOf(HasSubstr(export_), HasSubstr(why),
                      HasSubstr("step-00000006 does not have it")));
  }

  TestDirectory directory_;
  std::string export_ = directory_.Path(kName);
  std::string content_;
  Job job_;
};

TEST_F(FinishedLoraTest, WhatIsInOrderIsLeftAlone) {
  const auto before = std::filesystem::last_write_time(export_);
  const auto restored = RestoreFinishedLora(job_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(*restored, IsEmpty());
  EXPECT_EQ(std::filesystem::last_write_time(export_), before);
}

TEST_F(FinishedLoraTest, AMissingFileIsRestored) {
  std::filesystem::remove(export_);
  const auto restored = RestoreFinishedLora(job_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(*restored, ElementsAre(export_));
  EXPECT_EQ(*ReadFile(export_), content_);
}

TEST_F(FinishedLoraTest, AnotherJobsFileIsNotOverwritten) {
  std::filesystem::remove(export_);
  WriteLora(export_, kOtherDigest);
  const std::string theirs = *ReadFile(export_);
  const auto restored = RestoreFinishedLora(job_);
  EXPECT_EQ(restored.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(restored.status().message(),
              AllOf(HasSubstr(export_), HasSubstr("another job")));
  EXPECT_EQ(*ReadFile(export_), theirs);
}

TEST_F(FinishedLoraTest, ADamagedFileIsRestored) {
  std::filesystem::remove(export_);
  ASSERT_TRUE(WriteFileAtomically(export_, content_ + "more").ok());
  const auto restored = RestoreFinishedLora(job_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(*restored, ElementsAre(export_));
  EXPECT_EQ(*ReadFile(export_), content_);
}

TEST_F(FinishedLoraTest, WithoutACheckpointTheMetadataDecides) {
  std::filesystem::remove_all(directory_.Path("step-00000006"));
  EXPECT_TRUE(RestoreFinishedLora(job_).ok());
  WriteLora(export_, kOtherDigest);
  ExpectFailure("is the LoRA of another job");
  std::filesystem::remove(export_);
  ExpectFailure(kName);
}

TEST_F(FinishedLoraTest, AnotherJobsCheckpointIsNotUsed) {
  WriteManifestOf(kOtherDigest);
  EXPECT_TRUE(RestoreFinishedLora(job_).ok());
  std::filesystem::remove(export_);
  ExpectFailure(kName);
}

TEST_F(FinishedLoraTest, AChangedCopyIsNotUsed) {
  const std::string changed = content_.substr(0, content_.size() - 1) + "!";
  ASSERT_TRUE(
      WriteFileAtomically(directory_.Path("step-00000006/") + kName, changed)
          .ok());
  EXPECT_TRUE(RestoreFinishedLora(job_).ok());  // the export is as it was
  ASSERT_TRUE(WriteFileAtomically(export_, changed).ok());
  ExpectFailure("is missing or has changed");
}

}  // namespace
}  // namespace halfpipe
