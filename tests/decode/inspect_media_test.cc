#include <string>
#include <utility>
#include <vector>

#include "decode/clip_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/data/media_inspection.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MediaInspectionTest : public ClipTest {
 protected:
  static DecodeItem Asked(const std::string& path, DecodeMode mode,
                          uint32_t frames = 9) {
    DecodeItem item = Item(path, frames);
    item.mode = mode;
    return item;
  }

  InspectionOptions options_{.decoder = {.program = HP_DECODER}};
};

TEST_F(MediaInspectionTest, EachFileHasItsFactsOrItsError) {
  std::vector<DecodeItem> items;
  for (int frames : {5, 9, 17}) {
    items.push_back(Asked(MakeMp4(frames, absl::StrCat(frames, ".mp4")),
                          DecodeMode::kInspect));
  }
  const std::string bad = folder_.Write("bad.mp4", "no video");
  items.insert(items.begin() + 1, Asked(bad, DecodeMode::kInspect));
  items.push_back(Asked(MakeMp4(3, "short.mp4"), DecodeMode::kInspect));
  items.push_back(
      Asked(Make("-f lavfi -i testsrc2=size=80x48 -frames:v 1", "picture.png"),
            DecodeMode::kInspect));
  std::vector<size_t> progress;
  options_.parallel = 3;
  options_.on_progress = [&](size_t done, size_t count) {
    EXPECT_EQ(count, 6u);
    progress.push_back(done);
  };
  auto facts = InspectMedia(items, options_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->size(), items.size());
  EXPECT_THAT(progress, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ((*facts)[0]->frames, 5);
  EXPECT_EQ((*facts)[0]->size, (FrameSize{64, 48}));
  EXPECT_EQ((*facts)[0]->frames_per_second, 16.0);
  EXPECT_THAT(std::string((*facts)[1].status().message()), HasSubstr(bad));
  EXPECT_EQ((*facts)[2]->frames, 9);
  EXPECT_EQ((*facts)[3]->frames, 9);  // as many as were asked for
  EXPECT_THAT(std::string((*facts)[4].status().message()),
              HasSubstr("short.mp4: has 3 frames; at least 5 are needed"));
  EXPECT_TRUE((*facts)[5]->is_picture);
  EXPECT_EQ((*facts)[5]->size, (FrameSize{80, 48}));
}

// Both say of every file that it is good, or the same against it.
TEST_F(MediaInspectionTest, AgreesWithDecoding) {
  const std::string whole = *ReadFile(MakeMp4(30, "whole.mp4", "128x96"));
  std::string damaged = whole;
  for (size_t i = whole.size() / 2; i < whole.size() / 2 + 2000; ++i) {
    damaged[i] = static_cast<char>(i * 2654435761U >> 7);
  }
  const std::string clear = Make(
      "-f lavfi -i color=red:size=64x48,format=rgba,colorchannelmixer=aa=0.5 "
      "-frames:v 1",
      "clear.png");
  std::vector<DecodeItem> items = {
      Item(folder_ / "whole.mp4", 29),
      Item(folder_.Write("damaged.mp4", damaged), 29),
      Item(folder_.Write("half.mp4", whole.substr(0, whole.size() / 2)), 29),
      Item(folder_ / "none.mp4", 9),
      Item(folder_.Write("empty.mp4", ""), 9),
      Item(clear, 9)};
  items.back().refuse_transparency = true;
  std::vector<std::string> decoded;
  ASSERT_TRUE(Client()
                  .DecodeBatch(items,
                               [&](size_t, absl::StatusOr<DecodedClip> clip) {
                                 decoded.push_back(clip.status().ToString());
                                 return absl::OkStatus();
                               })
                  .ok());
  for (DecodeItem& item : items) item.mode = DecodeMode::kInspect;
  auto inspected = InspectMedia(items, options_);
  ASSERT_TRUE(inspected.ok()) << inspected.status();
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ((*inspected)[i].status().ToString(), decoded[i]);
    EXPECT_EQ(decoded[i] == "OK", i == 0) << decoded[i];
  }
}

TEST_F(MediaInspectionTest, AProbeReadsNoMoreThanItNeeds) {
  std::string bytes = *ReadFile(MakeMp4(60, "long.mp4", "128x96"));
  for (size_t i = bytes.size() / 2; i < bytes.size() / 2 + 2000; ++i) {
    bytes[i] = static_cast<char>(i * 2654435761U >> 7);
  }
  const std::string damaged = folder_.Write("damaged.mp4", bytes);
  auto facts = InspectMedia({Asked(damaged, DecodeMode::kProbe),
                             Asked(damaged, DecodeMode::kInspect, 57)},
                            options_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_TRUE((*facts)[0].ok()) << (*facts)[0].status();
  EXPECT_EQ((*facts)[0]->frames, 60);  // as the container says
  EXPECT_FALSE((*facts)[1].ok());
}

TEST_F(MediaInspectionTest, NothingIsDecodedWithoutADecoder) {
  options_.decoder.program = folder_ / "none";
  EXPECT_TRUE(absl::IsFailedPrecondition(
      InspectMedia({Asked("a.mp4", DecodeMode::kProbe)}, options_).status()));
  EXPECT_TRUE(InspectMedia({}, options_)->empty());
}

TEST_F(MediaInspectionTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  options_.stop = source.get_token();
  const std::string clip = MakeMp4(5, "a.mp4");
  EXPECT_TRUE(absl::IsCancelled(
      InspectMedia({Asked(clip, DecodeMode::kInspect)}, options_).status()));
}

}  // namespace
}  // namespace halfpipe
