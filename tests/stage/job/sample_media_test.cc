#include "stage/job/sample_media.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SampleRef SampleOf(const std::string& media, const std::string& latents = "") {
  SampleRef sample;
  sample.media_path = media;
  sample.latents_path = latents;
  return sample;
}

MediaFacts FactsWith(int64_t frames) {
  MediaFacts facts;
  facts.frames = frames;
  return facts;
}

TEST(SampleMediaTest, ListsWhatCannotBeUsed) {
  ScratchFolder folder;
  EncodeResult result;
  RejectSample(SampleOf(folder.Write("a.mp4", "x"), "/a"),
               absl::OutOfRangeError("a.mp4: has 3 frames"), &result);
  // What it is says more than that it cannot be decoded.
  RejectSample(SampleOf(folder.Write("b.mp4", ""), "/b"),
               absl::InvalidArgumentError("b.mp4: Invalid data found"),
               &result);
  RejectSample(SampleOf(folder.Write("c.mp4", "x"), "/c"),
               absl::DeadlineExceededError("c.mp4: not within 5m"), &result);
  EXPECT_THAT(result.rejected,
              ElementsAre("a.mp4: has 3 frames", HasSubstr("b.mp4 is empty"),
                          "c.mp4: not within 5m"));
  EXPECT_THAT(result.rejected_paths, ElementsAre("/a", "/b", "/c"));
  EXPECT_EQ(result.rejected_by_reason["too_short"], 1);
  EXPECT_EQ(result.rejected_by_reason["unreadable"], 1);
  EXPECT_EQ(result.rejected_by_reason["timeout"], 1);
}

TEST(SampleMediaTest, ListsWhatIsShort) {
  DataConfig data;
  data.frames = 17;
  EncodeResult result;
  NoteLength(data, SampleOf("/a.mp4"), FactsWith(17), &result);
  EXPECT_THAT(result.short_clips, IsEmpty());
  MediaFacts picture = FactsWith(1);
  picture.is_picture = true;
  NoteLength(data, SampleOf("/p.png"), picture, &result);
  EXPECT_THAT(result.short_clips, IsEmpty());
  NoteLength(data, SampleOf("/b.mp4"), FactsWith(15), &result);
  ASSERT_EQ(result.short_clips.size(), 1u);
  EXPECT_EQ(result.short_clips[0].media_path, "/b.mp4");
  EXPECT_EQ(result.short_clips[0].frames, 13);
}

}  // namespace
}  // namespace halfpipe
