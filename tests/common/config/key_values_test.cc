#include "common/config/key_values.h"

#include <set>
#include <string>

#include "common/config/job_config_fixture.h"
#include "common/config/job_fields.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

JobConfig Good() { return *ParseJobConfig(kGoodJob, "job.yaml"); }

TEST(KeyValuesTest, RecordsWhatIsNotFreeAndNamesNoPath) {
  const KeyValues values = RecordedValues(Good());
  EXPECT_EQ(values.at("train.steps"), "2000");
  EXPECT_EQ(values.at("lora.alpha"), "16.0");
  EXPECT_EQ(values.at("pipeline.threads"), "1");
  EXPECT_THAT(values, Contains(Key("validation.seed")));
  EXPECT_THAT(values, Not(Contains(Key("model.dit"))));
  EXPECT_THAT(values, Not(Contains(Key("name"))));
  EXPECT_THAT(values, Not(Contains(Key("output.keep"))));
}

TEST(KeyValuesTest, OnlyKeysThatDecideAreChanges) {
  const KeyValues before = RecordedValues(Good());
  JobConfig edited = Good();
  edited.train.steps = 9;
  edited.pipeline.threads = 4;
  edited.name = "other";
  EXPECT_THAT(DecidingChanges(before, edited), IsEmpty());
  edited.train.seed = 8;
  edited.lora.rank = 16;
  EXPECT_THAT(DecidingChanges(before, edited),
              ElementsAre(KeyChange{"lora.rank", "32", "16"},
                          KeyChange{"train.seed", "7", "8"}));
}

// The default of alpha is the rank: to leave it out is to write the rank.
TEST(KeyValuesTest, TargetsInAnotherOrderAreTheSame) {
  JobConfig config = Good();
  config.lora.targets = {"q", "k", "ffn.0"};
  const KeyValues before = RecordedValues(config);
  config.lora.targets = {"ffn.0", "k", "q", "q"};
  EXPECT_THAT(DecidingChanges(before, config), IsEmpty());
  config.lora.targets = {"ffn.0", "q"};
  EXPECT_THAT(DecidingChanges(before, config), ::testing::SizeIs(1));
}

TEST(KeyValuesTest, AnAlphaOfZeroIsTheRank) {
  JobConfig config = Good();
  config.lora.alpha = 0.0;
  JobConfig written = Good();
  written.lora.alpha = 32.0;
  EXPECT_THAT(DecidingChanges(RecordedValues(config), written), IsEmpty());
}

TEST(KeyValuesTest, AKeyThatWasNotRecordedHadItsDefault) {
  KeyValues before = RecordedValues(Good());
  before.erase("train.caption_dropout");
  EXPECT_THAT(DecidingChanges(before, Good()), IsEmpty());
  JobConfig edited = Good();
  edited.train.caption_dropout = 0.5;
  EXPECT_THAT(DecidingChanges(before, edited),
              ElementsAre(KeyChange{"train.caption_dropout", "0.0", "0.5"}));
  before["train.of_tomorrow"] = "3";
  EXPECT_THAT(DecidingChanges(before, Good()),
              ElementsAre(KeyChange{"train.of_tomorrow", "3",
                                    "unknown to this version"}));
}

TEST(KeyValuesTest, StepsAreFoundByTheirDigest) {
  JobConfig config = Good();
  const std::string of_2000 = ConfigDigest(config);
  config.train.steps = 77;
  EXPECT_EQ(StepsOfDigest(config, of_2000, 0), 2000);
  EXPECT_EQ(StepsOfDigest(config, of_2000, 2000), 2000);
  EXPECT_EQ(StepsOfDigest(config, ConfigDigest(config), 1), 77);
  config.train.seed = 8;
  EXPECT_EQ(StepsOfDigest(config, of_2000, 2000), std::nullopt);
}

// The digest of a job file that has been read by every version so far. Who
// changes this ends everybody's stopped jobs.
TEST(KeyValuesTest, TheDigestIsWhatItHasAlwaysBeen) {
  EXPECT_EQ(ConfigDigest(Good()),
            "8fbf49d667b93708feca23116da261e492424005be803949e591a788a8715bc1");
}

// Each class has the keys that it should: whoever adds a key chooses.
TEST(KeyValuesTest, ClassesAreAsTheReferenceSays) {
  JobConfig config;
  std::set<std::string> machine;
  std::set<std::string> extends;
  for (const Field& field : JobFields(&config)) {
    const std::string key(field.key);
    if (field.role.key_class == KeyClass::kMachine) machine.insert(key);
    if (field.role.key_class == KeyClass::kExtends) extends.insert(key);
    // What names a file of the training is compared by its content.
    if (field.value->path() != nullptr && key != "data.cache_dir") {
      EXPECT_EQ(field.role.key_class, KeyClass::kContent) << key;
    }
  }
  EXPECT_THAT(machine, ElementsAre("pipeline.device", "pipeline.threads"));
  EXPECT_THAT(extends, ElementsAre("train.steps"));
}

}  // namespace
}  // namespace halfpipe
