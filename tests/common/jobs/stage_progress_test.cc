#include "common/jobs/stage_progress.h"

#include <gtest/gtest.h>

#include <set>

namespace halfpipe {
namespace {

TEST(StageProgressTest, PeopleReadWhatTheyAlwaysDid) {
  EXPECT_EQ(ProgressText({StageWork::kReadingDataSet, 3, 12}),
            "reading the data set 3/12");
  EXPECT_EQ(ProgressText({StageWork::kLookingAtMedia, 3, 12}),
            "looking at the media 3/12");
  EXPECT_EQ(ProgressText({StageWork::kLookingAtClips, 3, 12}),
            "looking at clips 3/12");
  EXPECT_EQ(ProgressText({StageWork::kLoadingTextEncoder, 0, 12}),
            "loading the text encoder 0/12");
  EXPECT_EQ(ProgressText({StageWork::kEncodingCaptions, 3, 12}),
            "encoding captions 3/12");
  EXPECT_EQ(ProgressText({StageWork::kLoadingVae, 0, 12}),
            "loading the VAE 0/12");
  EXPECT_EQ(ProgressText({StageWork::kEncodingClips, 3, 12}),
            "encoding clips 3/12");
  EXPECT_EQ(ProgressText({.work = StageWork::kOpeningModel}),
            "loading the model");
  EXPECT_EQ(ProgressText({.work = StageWork::kLoadingWeights, .done = 40}),
            "loading the model, 40 tensors");
  EXPECT_EQ(ProgressText({.work = StageWork::kJoining}), "joining the pair");
  EXPECT_EQ(ProgressText({.work = StageWork::kIdle}), "idle");
}

TEST(StageProgressTest, EveryWorkHasATextOfItsOwn) {
  std::set<std::string> texts;
  for (int work = 1; work <= static_cast<int>(StageWork::kValidating); ++work) {
    texts.insert(ProgressText({.work = static_cast<StageWork>(work)}));
  }
  EXPECT_EQ(texts.size(), 17u);
  EXPECT_EQ(ProgressText({}), "");
  EXPECT_EQ(ProgressText({.work = static_cast<StageWork>(99)}), "");
}

}  // namespace
}  // namespace halfpipe
