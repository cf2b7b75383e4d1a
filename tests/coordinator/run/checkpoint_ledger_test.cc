#include "coordinator/run/checkpoint_ledger.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "common/store/owner_file.h"
#include "common/store/safetensors_writer.h"
#include "coordinator/fake_stage.h"
#include "coordinator/store/checkpoint_folders.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
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

// A service's job and somebody's `run`, say: neither removes what the other is
// writing.
TEST_F(CheckpointLedgerTest, AFolderIsOneProcesssUntilItIsReleased) {
  const auto temporary = ledger_->Begin(directory_, 250);
  ASSERT_TRUE(temporary.ok());
  const auto other = NewFileCheckpointLedger();
  const absl::Status refused = other->Prepare(directory_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr(directory_), HasSubstr("another output.dir")));
  EXPECT_TRUE(fs::exists(*temporary));
  EXPECT_TRUE(ledger_->Prepare(directory_).ok());
  ledger_->Release(directory_);
  EXPECT_TRUE(other->Prepare(directory_).ok());
}

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

TEST_F(CheckpointLedgerTest, AFolderThatCannotBeMadeIsSeenWithoutMakingIt) {
  EXPECT_TRUE(ledger_->CheckUsable(directory_).ok());
  EXPECT_TRUE(ledger_->CheckUsable(directory_ + "/not/yet").ok());
  EXPECT_FALSE(fs::exists(directory_ + "/not"));
  const std::string file = directory_ + "/file";
  ASSERT_TRUE(WriteFileAtomically(file, "text").ok());
  const std::string link = directory_ + "/link";
  fs::create_symlink("/nowhere/at/all", link);
  for (const auto& [path, what] :
       {std::pair(file, file + " is no folder"),
        std::pair(file + "/below", file + " is no folder"),
        std::pair(link, link + " is a link to /nowhere/at/all"),
        std::pair(link + "/below", link + " is a link to")}) {
    const absl::Status status = ledger_->CheckUsable(path);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_EQ(ledger_->Prepare(path), status);
  }
}

// A copy would pass for the work of steps that were never done.
TEST_F(CheckpointLedgerTest, ACheckpointUnderAnotherStepsNameIsNone) {
  const auto saved = Save(250, "content");
  ASSERT_TRUE(saved.ok()) << saved.status();
  const std::string copy = absl::StrCat(directory_, "/", CheckpointName(900));
  fs::copy(*saved, copy, fs::copy_options::recursive);
  EXPECT_TRUE(ledger_->Verify(*saved).ok());
  const absl::Status other = ledger_->Verify(copy).status();
  EXPECT_TRUE(absl::IsDataLoss(other)) << other;
  EXPECT_THAT(std::string(other.message()),
              AllOf(HasSubstr(copy), HasSubstr("is step-00000250 by")));
  const auto found = ledger_->Look(directory_);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->checkpoints.size(), 2u);
  EXPECT_TRUE(found->checkpoints[0].manifest.ok());
  EXPECT_EQ(found->checkpoints[1].manifest.status(), other);
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

// Others' folders, by the names that were taken for leftovers once.
TEST_F(CheckpointLedgerTest, WhatIsNotOursIsNotTouched) {
  const std::vector<std::string> theirs = {
      ".tmp-mine",     ".tmp-step-00000004",    ".tmp-removed-step-00000002",
      "step-00000004", "damaged-step-00000004", ".tmp-delete-backup"};
  for (const std::string& name : theirs) {
    fs::create_directories(absl::StrCat(directory_, "/", name, "/deep"));
    ASSERT_TRUE(WriteFileAtomically(
                    absl::StrCat(directory_, "/", name, "/deep/thesis.txt"),
                    "years of work")
                    .ok());
  }
  ASSERT_TRUE(ledger_->Prepare(directory_).ok());
  const auto two = Save(2, "abc");
  ASSERT_TRUE(two.ok()) << two.status();
  // Their step-00000004 makes way, as nothing says that it is a checkpoint.
  const auto four = Save(4, "abc");
  ASSERT_TRUE(four.ok()) << four.status();
  EXPECT_TRUE(ledger_->Verify(*four).ok());
  EXPECT_FALSE(fs::exists(absl::StrCat(*four, "/.halfpipe-owner")));
  EXPECT_TRUE(ledger_->Remove(*two).ok());
  EXPECT_FALSE(fs::exists(*two));
  ASSERT_TRUE(ledger_->Prepare(directory_).ok());
  int64_t kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (entry.path().filename() == "thesis.txt") ++kept;
  }
  EXPECT_EQ(kept, static_cast<int64_t>(theirs.size()));
  EXPECT_TRUE(
      fs::exists(directory_ + "/damaged-step-00000004-2/deep/thesis.txt"));
  // Nor is one deleted that lost its manifest: it may be somebody's by now.
  fs::remove(*four + "/manifest.json");
  EXPECT_TRUE(ledger_->Remove(*four).ok());
  EXPECT_TRUE(fs::exists(*four + "/rank0.safetensors"));
}

TEST_F(CheckpointLedgerTest, OneFolderByTwoPathsIsOneFolder) {
  const std::string link = directory_ + "_link";
  fs::remove(link);
  fs::create_directory_symlink(directory_, link);
  EXPECT_EQ(ledger_->Prepare(link).code(),
            absl::StatusCode::kFailedPrecondition);
  ledger_->Release(directory_);
  EXPECT_TRUE(ledger_->Prepare(link).ok());
  fs::remove(link);
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
    // The one before is only deleted while its manifest proves whose it is.
    EXPECT_EQ(*aside, absl::StrCat(directory_, "/damaged-step-00000006",
                                   i == 4 ? "-2" : ""));
    EXPECT_FALSE(fs::exists(*path));
  }
  EXPECT_EQ(ledger_->SetAside(directory_ + "/step-00000006").value(), "");
}

class PublishTest : public CheckpointLedgerTest {
 protected:
  // A checkpoint with an export that says of itself which step it is of.
  std::string SaveLora(int64_t step) {
    const std::string path = *Save(step, "abc");
    WriteLora(path + "/lora.diffsynth.safetensors", step);
    return path;
  }

  static void WriteLora(const std::string& path, int64_t step) {
    const float value = 1.5F;
    ASSERT_TRUE(WriteSafetensors(path, {{"a", DType::kF32, {1}, &value}},
                                 {{"halfpipe.config_digest", "c"},
                                  {"halfpipe.step", absl::StrCat(step)}})
                    .ok());
  }

  void Publish(const std::string& path) {
    auto published = ledger_->Publish(path, directory_, {"diffsynth"});
    ASSERT_TRUE(published.ok()) << published.status();
    EXPECT_THAT(*published, ElementsAre(published_));
    EXPECT_EQ(ReadFile(published_).value(),
              ReadFile(path + "/lora.diffsynth.safetensors").value());
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.is_regular_file()) {
        names.push_back(entry.path().filename().string());
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string published_ = directory_ + "/lora.diffsynth.safetensors";
};

TEST_F(PublishTest, AFinishedLoraIsKeptBesideTheNextOne) {
  const std::string two = SaveLora(2);
  Publish(two);
  Publish(two);  // the same again is one file
  EXPECT_THAT(Files(), ElementsAre("lora.diffsynth.safetensors"));
  Publish(SaveLora(4));
  EXPECT_THAT(Files(), ElementsAre("lora.diffsynth.safetensors",
                                   "lora.diffsynth.step-2.safetensors"));
  EXPECT_EQ(ReadFile(directory_ + "/lora.diffsynth.step-2.safetensors").value(),
            ReadFile(two + "/lora.diffsynth.safetensors").value());
}

TEST_F(PublishTest, ACopyThatWasCutShortGoesAndNothingElse) {
  const std::string two = SaveLora(2);
  const std::string text =
      ReadFile(two + "/lora.diffsynth.safetensors").value();
  const auto write = [&](const std::string& end, const std::string& content) {
    ASSERT_TRUE(WriteFileAtomically(published_ + end, content).ok());
  };
  write(".tmp.12.3", text.substr(0, text.size() / 2));
  write(".tmp.12.4", text);
  write(".tmp.12.5", "");
  write(".tmp.12.6", "somebody's");
  write(".tmp.12.7", text + "more");
  write(".tmp.mine", "");
  Publish(two);
  EXPECT_THAT(Files(), ElementsAre("lora.diffsynth.safetensors",
                                   "lora.diffsynth.safetensors.tmp.12.6",
                                   "lora.diffsynth.safetensors.tmp.12.7",
                                   "lora.diffsynth.safetensors.tmp.mine"));
}

TEST_F(PublishTest, DamageToTheCheckpointLeavesTheLora) {
  const std::string two = SaveLora(2);
  // As an older version published it.
  fs::create_hard_link(two + "/lora.diffsynth.safetensors", published_);
  Publish(two);
  EXPECT_EQ(fs::hard_link_count(published_), 1u);
  const std::string before = ReadFile(published_).value();
  fs::resize_file(two + "/lora.diffsynth.safetensors", 3);
  EXPECT_EQ(ReadFile(published_).value(), before);
}

TEST_F(PublishTest, WhatIsThereIsDescribed) {
  SaveLora(2);
  const std::string four = SaveLora(4);
  ASSERT_TRUE(WriteFileAtomically(four + "/manifest.json", "{").ok());
  fs::create_directories(directory_ + "/.tmp-step-00000006");
  WriteLora(published_, 4);
  ASSERT_TRUE(
      WriteFileAtomically(directory_ + "/lora.comfyui.safetensors", "x").ok());
  const auto contents = ledger_->Look(directory_);
  ASSERT_TRUE(contents.ok()) << contents.status();
  ASSERT_EQ(contents->checkpoints.size(), 2u);
  EXPECT_EQ(contents->checkpoints[0].checkpoint.steps_done, 2);
  EXPECT_TRUE(contents->checkpoints[0].manifest.ok());
  EXPECT_FALSE(contents->checkpoints[1].manifest.ok());
  ASSERT_EQ(contents->loras.size(), 2u);
  EXPECT_EQ(contents->loras[0].steps, 4);
  EXPECT_EQ(contents->loras[1].config_digest, "");
  EXPECT_TRUE(ledger_->Look(directory_ + "/nothing")->checkpoints.empty());
}

TEST_F(PublishTest, CurvesAreFoundByTheirNameAndTheirOwner) {
  for (const char* name :
       {"metrics", "metrics-2", "metrics-3", "metrics-old"}) {
    fs::create_directories(directory_ + "/" + name);
  }
  // One is somebody else's, and one has a name that no stage gives.
  for (const char* name : {"metrics-2", "metrics-3", "metrics-old"}) {
    ASSERT_TRUE(
        WriteFileAtomically(directory_ + "/" + name + "/" + kOwnerFileName, "")
            .ok());
  }
  const auto contents = ledger_->Look(directory_);
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_THAT(contents->curves,
              testing::UnorderedElementsAre(directory_ + "/metrics-2",
                                            directory_ + "/metrics-3"));
}

TEST_F(PublishTest, WhatMakesWayIsKeptUnderItsDate) {
  const std::string two = SaveLora(2);
  WriteLora(published_, 2);
  const absl::Time now = absl::FromCivil(
      absl::CivilSecond(2026, 12, 1, 4, 5, 6), absl::LocalTimeZone());
  const auto aside = ledger_->MoveAside(directory_, {two, published_}, now);
  ASSERT_TRUE(aside.ok()) << aside.status();
  EXPECT_EQ(*aside, directory_ + "/replaced-2026-12-01-040506");
  EXPECT_TRUE(ledger_->Verify(*aside + "/step-00000002").status().code() ==
              absl::StatusCode::kDataLoss);  // WriteLora changed its export
  EXPECT_TRUE(fs::exists(*aside + "/lora.diffsynth.safetensors"));
  EXPECT_THAT(Files(), testing::IsEmpty());
  const std::string four = SaveLora(4);
  EXPECT_EQ(*ledger_->MoveAside(directory_, {four}, now), *aside + "-2");
}

TEST_F(CheckpointLedgerTest, SamplesAndAddedFilesArePartOfACheckpoint) {
  const SampleList list{"d", {{"a.mp4", "l", "c"}}};
  auto temporary = ledger_->Begin(directory_, 1);
  ASSERT_TRUE(temporary.ok());
  const auto entry = ledger_->WriteSamples(*temporary, list);
  ASSERT_TRUE(entry.ok()) << entry.status();
  CheckpointManifest manifest;
  manifest.step = 1;
  manifest.threads = 1;
  manifest.stages = 1;
  manifest.files = {*entry};
  const auto path = ledger_->Commit(directory_, *temporary, manifest);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*ledger_->ReadSamples(*path), list);
  EXPECT_TRUE(ledger_->Verify(*path).ok());
  ASSERT_TRUE(
      WriteFileAtomically(*path + "/lora.diffusers.safetensors", "abc").ok());
  manifest.files.push_back({"lora.diffusers.safetensors", 4, Sha256Hex("abc")});
  EXPECT_FALSE(ledger_->Amend(*path, manifest).ok());
  manifest.files.back().bytes = 3;
  EXPECT_TRUE(ledger_->Amend(*path, manifest).ok());
  EXPECT_EQ(ledger_->Verify(*path)->files.size(), 2u);
}

}  // namespace
}  // namespace halfpipe
