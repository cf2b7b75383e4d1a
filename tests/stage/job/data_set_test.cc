#include "stage/job/data_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/jobs/random_sample.h"
#include "common/model/known_variants.h"
#include "common/store/scratch_folder.h"
#include "stage/train/training_source.h"

namespace halfpipe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

ModelSpec Architecture(const char* name) { return *KnownModel(name, 0); }

// A data set of two clips. Scanning opens neither clips nor encoders, so their
// content may be anything.
class DataSetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "clips");
    folder_.Write("clips/a.mp4", "clip a");
    folder_.Write("clips/b.mp4", "clip b");
    folder_.Write("clips/metadata.csv",
                  "video,prompt\na.mp4,a red  fox\nb.mp4,snow\n");
    config_.data.path = folder_ / "clips";
    config_.data.height = 32;
    config_.data.width = 48;
    config_.data.frames = 9;
    config_.model.text_encoder = folder_.Write("t5.safetensors", "t5");
    config_.model.tokenizer = folder_.Write("spiece.model", "pieces");
    config_.model.vae = folder_.Write("vae.safetensors", "vae");
  }

  DataSet Scan(const char* variant = "tiny-t2v") {
    auto set = ScanDataSet(config_, Architecture(variant));
    EXPECT_TRUE(set.ok()) << set.status();
    return set.ok() ? *std::move(set) : DataSet();
  }

  ScratchFolder folder_;
  JobConfig config_;
};

TEST_F(DataSetTest, EverySampleHasItsTwoCacheFiles) {
  const DataSet set = Scan();
  ASSERT_EQ(set.samples.size(), 2u);
  const SampleRef& sample = set.samples[0];
  EXPECT_THAT(sample.media_path, EndsWith("/clips/a.mp4"));
  EXPECT_EQ(sample.prompt, "a red  fox");
  EXPECT_FALSE(sample.cached);
  EXPECT_THAT(sample.latents_path, HasSubstr("/clips/.halfpipe-cache/"));
  EXPECT_NE(sample.latents_path, set.samples[1].latents_path);
  EXPECT_NE(sample.context_path, set.samples[1].context_path);
  config_.data.cache_dir = folder_ / "elsewhere";
  EXPECT_THAT(Scan().samples[0].latents_path, HasSubstr("/elsewhere/"));
}

TEST_F(DataSetTest, ASampleIsCachedWhenBothFilesAreThere) {
  const DataSet set = Scan();
  std::ofstream(set.samples[0].latents_path) << "latents";
  EXPECT_FALSE(Scan().samples[0].cached);
  std::ofstream(set.samples[0].context_path) << "context";
  const DataSet again = Scan();
  EXPECT_TRUE(again.samples[0].cached);
  EXPECT_FALSE(again.samples[1].cached);
  EXPECT_EQ(again.digest, set.digest);
}

TEST_F(DataSetTest, WhatDecidesTheTensorsIsNoticedAndNothingElse) {
  const DataSet before = Scan();
  // Another spelling that cleans to the same text.
  folder_.Write("clips/metadata.csv",
                "video,prompt\na.mp4,a red fox\nb.mp4,snow\n");
  EXPECT_EQ(Scan().digest, before.digest);
  const std::vector<std::function<void()>> edits = {
      [this] { folder_.Write("clips/a.mp4", "another clip"); },
      [this] { folder_.Write("vae.safetensors", "another vae"); },
      [this] { folder_.Write("t5.safetensors", "another t5"); },
      [this] { config_.data.frames = 5; },
      [this] { config_.data.height = 64; },
      [this] {
        folder_.Write("clips/metadata.csv",
                      "video,prompt\na.mp4,a blue fox\nb.mp4,snow\n");
      }};
  std::string last = before.digest;
  for (size_t i = 0; i < edits.size(); ++i) {
    edits[i]();
    const std::string digest = Scan().digest;
    EXPECT_NE(digest, last) << "edit " << i;
    last = digest;
  }
  // A model with a first-frame condition needs more than the latents.
  EXPECT_NE(Scan("tiny-i2v").digest, last);
}

TEST_F(DataSetTest, DroppedCaptionsNeedTheEmptyOne) {
  for (const SampleRef& sample : Scan().samples) {
    std::ofstream(sample.latents_path) << "latents";
    std::ofstream(sample.context_path) << "context";
  }
  config_.train.caption_dropout = 0.1;
  // Nothing else is missing, so somebody has to be sent for it.
  EXPECT_FALSE(Scan().samples[0].cached);
  auto empty = EmptyCaptionPath(config_);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_NE(*empty, Scan().samples[0].context_path);
  std::ofstream(*empty) << "context";
  EXPECT_TRUE(Scan().samples[0].cached);
}

TEST_F(DataSetTest, MissingPiecesAreNamed) {
  const auto status = [this] {
    return ScanDataSet(config_, Architecture("tiny-t2v")).status();
  };
  config_.model.vae = "";
  EXPECT_TRUE(absl::IsInvalidArgument(status()));
  EXPECT_THAT(MessageOf(status()), HasSubstr("model.vae: is missing"));
  config_.model.vae = folder_ / "none";
  EXPECT_TRUE(absl::IsNotFound(status())) << status();
  EXPECT_THAT(MessageOf(status()), HasSubstr("model.vae"));
  folder_.Write("clips/metadata.csv", "video,prompt\nc.mp4,x\nd.mp4,y\n");
  EXPECT_TRUE(absl::IsInvalidArgument(status())) << status();
  EXPECT_THAT(MessageOf(status()), HasSubstr("c.mp4"));
  EXPECT_THAT(MessageOf(status()), HasSubstr("d.mp4"));
}

TEST_F(DataSetTest, SaysHowFarItIs) {
  std::vector<std::string> said;
  ASSERT_TRUE(ScanDataSet(config_, Architecture("tiny-t2v"),
                          [&](const StageProgress& at) {
                            said.push_back(ProgressText(at));
                          })
                  .ok());
  EXPECT_EQ(said, (std::vector<std::string>{"reading the data set 0/2",
                                            "reading the data set 1/2"}));
}

TEST_F(DataSetTest, SkipLeavesMissingFilesOut) {
  config_.data.on_bad_file = BadFilePolicy::kSkip;
  const DataSet whole = Scan();
  folder_.Write("clips/metadata.csv",
                "video,prompt\na.mp4,a red fox\nc.mp4,x\nb.mp4,snow\n");
  const DataSet set = Scan();
  ASSERT_EQ(set.samples.size(), 2u);
  ASSERT_EQ(set.warnings.size(), 1u);
  EXPECT_THAT(set.warnings[0], HasSubstr("metadata.csv:3: c.mp4"));
  // The samples that are left are the same data set.
  EXPECT_EQ(set.digest, whole.digest);
}

// What a decoder says of b.mp4; of a.mp4 that it is a plain clip.
MediaProbe Probe(const MediaFacts& of_b) {
  return [of_b](const std::vector<DecodeItem>& items) {
    std::vector<absl::StatusOr<MediaFacts>> found;
    for (const DecodeItem& item : items) {
      const bool is_b = item.path.find("/b.mp4") != std::string::npos;
      found.emplace_back(is_b ? of_b : MediaFacts{.frames_per_second = 16});
    }
    return found;
  };
}

TEST_F(DataSetTest, MediaBesideProblemsCanBeLookedAt) {
  EXPECT_TRUE(SamplesBesideProblems(config_.data).empty());
  folder_.Write("clips/page.mp4", "<!DOCTYPE html><html></html>");
  folder_.Write("clips/metadata.csv",
                "video,prompt\na.mp4,\nb.mp4,snow\nc.mp4,rain\n"
                "page.mp4,a page\n");
  const std::vector<SampleRef> samples = SamplesBesideProblems(config_.data);
  // The page too: who looks at it says what it is.
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_THAT(samples[0].media_path, EndsWith("/clips/a.mp4"));
  EXPECT_THAT(samples[1].media_path, EndsWith("/clips/b.mp4"));
  EXPECT_THAT(samples[2].media_path, EndsWith("/clips/page.mp4"));
  EXPECT_EQ(samples[1].latents_path, "");
  config_.data.path = "/nowhere";
  EXPECT_TRUE(SamplesBesideProblems(config_.data).empty());
}

TEST_F(DataSetTest, OnlyMediaThatAreReadAnewHaveNewKeys) {
  const DataSet before = Scan();  // as the first releases: without a probe
  const auto scan = [this](const MediaFacts& of_b) {
    std::filesystem::remove(config_.data.path +
                            "/.halfpipe-cache/media-facts.jsonl");
    return *ScanDataSet(config_, Architecture("tiny-t2v"), {}, Probe(of_b));
  };
  const DataSet plain = scan({.frames_per_second = 16, .is_turned = true});
  EXPECT_EQ(plain.digest, before.digest);
  EXPECT_TRUE(plain.warnings.empty());
  for (const MediaFacts& of_b :
       std::vector<MediaFacts>{{.is_hdr = true},
                               {.first_transparent_frame = 0},
                               {.is_picture = true, .is_turned = true}}) {
    const DataSet set = scan(of_b);
    EXPECT_EQ(set.samples[0].latents_path, before.samples[0].latents_path);
    EXPECT_NE(set.samples[1].latents_path, before.samples[1].latents_path);
    EXPECT_EQ(set.samples[1].context_path, before.samples[1].context_path);
    // The next scan, which may have no decoder, knows it from the index.
    EXPECT_EQ(Scan().samples[1].latents_path, set.samples[1].latents_path);
  }
  const DataSet black = scan({.first_transparent_frame = 0});
  config_.data.alpha = "#000000";
  EXPECT_EQ(scan({.first_transparent_frame = 0}).digest, black.digest);
  config_.data.alpha = "white";
  EXPECT_NE(scan({.first_transparent_frame = 0}).digest, black.digest);
  EXPECT_EQ(scan({}).digest, before.digest);
}

TEST_F(DataSetTest, StillsForAModelThatContinuesAFrameAreRefused) {
  const MediaFacts still{.is_picture = true};
  const auto scan = [&](const char* variant) {
    return ScanDataSet(config_, Architecture(variant), {}, Probe(still));
  };
  EXPECT_TRUE(scan("tiny-t2v").ok());
  auto refused = scan("tiny-i2v");
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(MessageOf(refused.status()), HasSubstr("/b.mp4: is a picture"));
  EXPECT_THAT(MessageOf(refused.status()), Not(HasSubstr("/a.mp4")));
  config_.data.on_bad_file = BadFilePolicy::kSkip;
  auto skipped = scan("tiny-i2v");
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  EXPECT_EQ(skipped->samples.size(), 1u);
  ASSERT_EQ(skipped->warnings.size(), 1u);
  EXPECT_THAT(skipped->warnings[0], HasSubstr("/b.mp4: is a picture"));
  config_.data.stills = StillsPolicy::kTrain;
  EXPECT_EQ(scan("tiny-i2v")->samples.size(), 2u);
  // One frame of a clip is a still, too, and no file is to blame.
  config_.data.frames = 1;
  EXPECT_EQ(scan("tiny-i2v")->samples.size(), 2u);
  config_.data.stills = StillsPolicy::kRefuse;
  refused = scan("tiny-i2v");
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(MessageOf(refused.status()), HasSubstr("data.frames: 1"));
}

TEST_F(DataSetTest, ARateThatIsFarFromTheModelsIsSaid) {
  auto set = ScanDataSet(config_, Architecture("tiny-t2v"), {},
                         Probe({.frames_per_second = 60}));
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_EQ(set->warnings.size(), 1u);
  EXPECT_THAT(set->warnings[0], HasSubstr("/b.mp4 (60)"));
  config_.data.frames = 1;
  EXPECT_TRUE(Scan().warnings.empty());
}

TEST(RandomDataSetTest, NeedsNoFiles) {
  JobConfig config;
  config.data.random.samples = 3;
  config.data.height = 32;
  config.data.width = 48;
  config.data.frames = 9;
  auto set = ScanDataSet(config, Architecture("tiny-t2v"));
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_EQ(set->samples.size(), 3u);
  EXPECT_TRUE(set->samples[2].cached);
  EXPECT_EQ(set->samples[2].latents_path, RandomSampleName(2));
  EXPECT_EQ(RandomLatentsShape(config, Architecture("tiny-t2v")),
            (Shape{1, 16, 3, 4, 6}));
  EXPECT_EQ(RandomConditionShape(config, Architecture("tiny-t2v")), Shape{});
  EXPECT_EQ(RandomConditionShape(config, Architecture("tiny-i2v")),
            (Shape{1, 20, 3, 4, 6}));
  // The VAE of TI2V-5B shrinks by 16.
  EXPECT_EQ(RandomLatentsShape(config, Architecture("ti2v-5b")),
            (Shape{1, 48, 3, 2, 3}));
}

}  // namespace
}  // namespace halfpipe
