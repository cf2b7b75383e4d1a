#include "coordinator/checkpoint_ledger.h"

#include <filesystem>
#include <functional>

#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class CheckpointLedgerTest : public ::testing::Test {
 protected:
  CheckpointLedgerTest() {
    fs::remove_all(directory_);
    EXPECT_TRUE(ledger_->Prepare(directory_).ok());
  }

  // A checkpoint with one shard and one export.
  absl::StatusOr<std::string> Save(int64_t steps_done,
                                   const std::string& content) {
    auto temporary = ledger_->Begin(directory_, steps_done);
    if (!temporary.ok()) return temporary.status();
    CheckpointManifest manifest;
    manifest.step = steps_done;
    manifest.config_digest = "c";
    manifest.data_digest = "d";
    manifest.threads = 1;
    manifest.stages = 1;
    for (const char* name :
         {"rank0.safetensors", "lora.diffsynth.safetensors"}) {
      EXPECT_TRUE(
          WriteFileAtomically(absl::StrCat(*temporary, "/", name), content)
              .ok());
      manifest.files.push_back(
          {name, static_cast<int64_t>(content.size()), Sha256Hex(content)});
    }
    return ledger_->Commit(directory_, *temporary, manifest);
  }

  const std::string directory_ =
      ::testing::TempDir() + "/checkpoint_ledger_test";
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
};

TEST_F(CheckpointLedgerTest, CommitVerifyRemove) {
  auto path = Save(250, "abc");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, directory_ + "/step-00000250");
  auto manifest = ledger_->Verify(*path);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->step, 250);
  ASSERT_TRUE(WriteFileAtomically(*path + "/rank0.safetensors", "abX").ok());
  EXPECT_EQ(ledger_->Verify(*path).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(ledger_->Remove(*path).ok());
  EXPECT_TRUE(ledger_->Remove(*path).ok());
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(CheckpointLedgerTest, AFileThatNeverArrivedIsNoticed) {
  auto temporary = ledger_->Begin(directory_, 1);
  ASSERT_TRUE(temporary.ok());
  CheckpointManifest manifest;
  manifest.step = 1;
  manifest.files = {{"rank1.safetensors", 3, Sha256Hex("abc")}};
  const absl::Status status =
      ledger_->Commit(directory_, *temporary, manifest).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("rank1.safetensors"));
  EXPECT_FALSE(fs::exists(directory_ + "/step-00000001"));
}

TEST_F(CheckpointLedgerTest, WhatWasNotCommittedIsRemoved) {
  ASSERT_TRUE(Save(2, "abc").ok());
  ASSERT_TRUE(ledger_->Begin(directory_, 4).ok());
  ASSERT_TRUE(ledger_->Prepare(directory_).ok());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, ElementsAre("step-00000002"));
}

TEST_F(CheckpointLedgerTest, AnOrphanOfTheSameStepIsReplaced) {
  ASSERT_TRUE(Save(2, "old").ok());
  auto path = Save(2, "new!");
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(ReadFile(*path + "/rank0.safetensors").value(), "new!");
}

TEST_F(CheckpointLedgerTest, EveryKindOfDamageIsFoundAndSetAside) {
  using Damage = std::function<void(const std::string&)>;
  const std::vector<Damage> damages = {
      [](const std::string& folder) {  // one bit
        ASSERT_TRUE(
            WriteFileAtomically(folder + "/rank0.safetensors", "abb").ok());
      },
      [](const std::string& folder) {
        fs::resize_file(folder + "/rank0.safetensors", 2);
      },
      [](const std::string& folder) {
        fs::remove(folder + "/lora.diffsynth.safetensors");
      },
      [](const std::string& folder) { fs::remove(folder + "/manifest.json"); },
      [](const std::string& folder) {
        fs::resize_file(folder + "/manifest.json", 40);
      },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    const auto path = Save(6, "abc");
    ASSERT_TRUE(path.ok()) << path.status();
    ASSERT_TRUE(ledger_->Verify(*path).ok());
    damages[i](*path);
    EXPECT_FALSE(ledger_->Verify(*path).ok()) << i;
    const auto aside = ledger_->SetAside(*path);
    ASSERT_TRUE(aside.ok()) << aside.status();
    EXPECT_EQ(*aside, directory_ + "/damaged-step-00000006");
    EXPECT_FALSE(fs::exists(*path));
  }
  EXPECT_EQ(ledger_->SetAside(directory_ + "/step-00000006").value(), "");
}

TEST_F(CheckpointLedgerTest, PublishReplacesWhatIsThere) {
  for (const char* content : {"first", "second"}) {
    const std::string path = *Save(content[0] == 'f' ? 1 : 2, content);
    for (int again = 0; again < 2; ++again) {
      auto published = ledger_->Publish(path, directory_, {"diffsynth"});
      ASSERT_TRUE(published.ok()) << published.status();
      EXPECT_THAT(*published,
                  ElementsAre(directory_ + "/lora.diffsynth.safetensors"));
      EXPECT_EQ(ReadFile((*published)[0]).value(), content);
    }
  }
  EXPECT_FALSE(fs::exists(directory_ + "/lora.diffsynth.safetensors.tmp"));
}

}  // namespace
}  // namespace halfpipe
