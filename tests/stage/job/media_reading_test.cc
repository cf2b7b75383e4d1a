#include "stage/job/media_reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/model/known_variants.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ModelSpec Architecture(const char* name) { return *KnownModel(name, 0); }

TEST(MediaItemTest, IsWhatTheConfigAsksFor) {
  DataConfig data;
  data.height = 480;
  data.width = 832;
  data.frames = 49;
  DecodeItem item = MediaItem(data, "/a.mp4");
  EXPECT_EQ(item.path, "/a.mp4");
  EXPECT_EQ(item.mode, DecodeMode::kPixels);
  EXPECT_EQ(item.frames, 49u);
  EXPECT_EQ(item.height, 480u);
  EXPECT_EQ(item.width, 832u);
  EXPECT_EQ(item.background, 0u);
  EXPECT_FALSE(item.refuse_transparency);
  data.alpha = "#12abEF";
  EXPECT_EQ(MediaItem(data, "").background, 0x12ABEFu);
  data.alpha = "refuse";
  EXPECT_TRUE(MediaItem(data, "").refuse_transparency);
}

TEST(CheckStillTest, OnlyAPictureForAModelThatContinuesOne) {
  DataConfig data;
  const MediaFacts picture{.is_picture = true};
  const absl::Status refused =
      CheckStill(data, Architecture("tiny-i2v"), "/a.png", picture);
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(MessageOf(refused),
              HasSubstr("/a.png: is a picture, and this model learns"));
  EXPECT_THAT(MessageOf(refused), HasSubstr("data.stills: train"));
  EXPECT_TRUE(
      CheckStill(data, Architecture("tiny-t2v"), "/a.png", picture).ok());
  EXPECT_TRUE(CheckStill(data, Architecture("tiny-i2v"), "/a.mp4", {}).ok());
  data.stills = StillsPolicy::kTrain;
  EXPECT_TRUE(
      CheckStill(data, Architecture("tiny-i2v"), "/a.png", picture).ok());
}

TEST(CheckFramesTest, OneFrameIsAStill) {
  DataConfig data;
  data.frames = 1;
  const absl::Status refused = CheckFrames(data, Architecture("tiny-i2v"));
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(MessageOf(refused), HasSubstr("data.frames: 1 makes a still"));
  EXPECT_THAT(MessageOf(refused), HasSubstr("data.stills: train"));
  EXPECT_TRUE(CheckFrames(data, Architecture("tiny-t2v")).ok());
  data.stills = StillsPolicy::kTrain;
  EXPECT_TRUE(CheckFrames(data, Architecture("tiny-i2v")).ok());
  data.stills = StillsPolicy::kRefuse;
  data.frames = 5;
  EXPECT_TRUE(CheckFrames(data, Architecture("tiny-i2v")).ok());
}

MediaFacts ClipOf(double rate) { return {.frames_per_second = rate}; }

TEST(FrameRateWarningTest, NamesClipsThatAreFarFromTheModels) {
  const std::vector<std::string> paths = {"a", "b", "c", "d", "e", "f"};
  const std::vector<std::optional<MediaFacts>> facts = {
      ClipOf(16), ClipOf(29.97),
      ClipOf(15), std::nullopt,
      ClipOf(0),  MediaFacts{.is_picture = true, .frames_per_second = 60}};
  EXPECT_THAT(FrameRateWarning(Architecture("tiny-t2v"), paths, facts),
              HasSubstr("1 of 4 clips does not have the 16 frames a second"));
  EXPECT_THAT(FrameRateWarning(Architecture("tiny-t2v"), paths, facts),
              HasSubstr("b (29.97)"));
  const std::string of_5b =
      FrameRateWarning(Architecture("ti2v-5b"), paths, facts);
  EXPECT_THAT(of_5b, HasSubstr("3 of 4 clips do not have the 24 frames"));
  EXPECT_THAT(of_5b, HasSubstr("a (16), b (29.97), c (15)"));
  EXPECT_EQ(FrameRateWarning(Architecture("tiny-t2v"), {"a"}, {ClipOf(18)}),
            "");
}

TEST(FrameRateWarningTest, DoesNotNameThemWithoutEnd) {
  const std::vector<std::string> paths(50, "clip");
  const std::vector<std::optional<MediaFacts>> facts(50, ClipOf(60));
  EXPECT_THAT(FrameRateWarning(Architecture("tiny-t2v"), paths, facts),
              HasSubstr(" and 30 more"));
}

TEST(InterlacedWarningTest, NamesThem) {
  const MediaFacts interlaced{.is_interlaced = true};
  EXPECT_THAT(
      InterlacedWarning({"a", "b", "c", "d"},
                        {interlaced, MediaFacts{}, std::nullopt,
                         MediaFacts{.is_picture = true}}),
      AllOf(HasSubstr("1 of 2 clips is interlaced"), HasSubstr("yadif: a")));
  EXPECT_EQ(InterlacedWarning({"a"}, {MediaFacts{}}), "");
}

class FactsOfTest : public ::testing::Test {
 protected:
  FactsOfTest()
      : index_(folder_ / "facts.jsonl"),
        probe_([this](const std::vector<DecodeItem>& items) {
          std::vector<absl::StatusOr<MediaFacts>> found;
          for (const DecodeItem& item : items) {
            EXPECT_EQ(item.mode, DecodeMode::kProbe);
            asked_.push_back(item.path);
            if (item.path == "bad") {
              found.emplace_back(absl::InvalidArgumentError("bad: is bad"));
            } else {
              found.emplace_back(MediaFacts{.is_picture = item.path == "p"});
            }
          }
          return found;
        }) {}

  static MediumRef Medium(const std::string& path, char content) {
    return {path, std::string(64, content)};
  }

  ScratchFolder folder_;
  std::string index_;
  std::vector<std::string> asked_;
  MediaProbe probe_;
  std::vector<std::string> warnings_;
};

TEST_F(FactsOfTest, EachContentIsLookedAtOnce) {
  const std::vector<MediumRef> media = {Medium("a", '1'), Medium("p", '2'),
                                        Medium("copy of p", '2'),
                                        Medium("bad", '3')};
  auto facts = FactsOf(media, 9, index_, probe_, &warnings_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(asked_, ElementsAre("a", "p", "bad"));
  EXPECT_FALSE((*facts)[0]->is_picture);
  EXPECT_TRUE((*facts)[1]->is_picture);
  EXPECT_TRUE((*facts)[2]->is_picture);
  EXPECT_FALSE((*facts)[3].has_value());
  // What cannot be read may be mended: it is asked again, and nothing else.
  asked_.clear();
  facts = FactsOf(media, 9, index_, probe_, &warnings_);
  EXPECT_THAT(asked_, ElementsAre("bad"));
  EXPECT_TRUE((*facts)[2]->is_picture);
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(FactsOfTest, WithoutADecoderWhatIsKnownCounts) {
  ASSERT_TRUE(FactsOf({Medium("p", '2')}, 9, index_, probe_, &warnings_).ok());
  const MediaProbe none = [](const std::vector<DecodeItem>&) {
    return absl::FailedPreconditionError("cannot start the decoder x");
  };
  auto facts = FactsOf({Medium("p", '2'), Medium("a", '1')}, 9, index_, none,
                       &warnings_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE((*facts)[0]->is_picture);
  EXPECT_FALSE((*facts)[1].has_value());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("cannot start the decoder x"));
}

TEST_F(FactsOfTest, AStopIsNoWarning) {
  const MediaProbe stopped = [](const std::vector<DecodeItem>&) {
    return absl::CancelledError("stopped");
  };
  EXPECT_TRUE(absl::IsCancelled(
      FactsOf({Medium("a", '1')}, 9, index_, stopped, &warnings_).status()));
}

}  // namespace
}  // namespace halfpipe
