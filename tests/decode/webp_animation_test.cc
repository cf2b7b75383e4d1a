#include "decode/webp_animation.h"

#include <string>

#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr char kMoving[] = "tests/decode/golden/alpha/moving.webp";

TEST(WebpAnimationTest, GivesWholeCanvases) {
  auto file = InputFile::Open(kMoving);
  ASSERT_TRUE(file.ok()) << file.status();
  auto animation = WebpAnimation::Open(*file);
  ASSERT_TRUE(animation.ok()) << animation.status();
  const SourceTraits& traits = (*animation)->traits();
  EXPECT_EQ(traits.kind, MediumKind::kAnimation);
  EXPECT_EQ(traits.frames, 3);
  EXPECT_EQ(traits.frames_per_second, 8.0);
  EXPECT_TRUE(traits.orientation.upright());
  for (int i = 0; i < 3; ++i) {
    auto frame = (*animation)->Next();
    ASSERT_TRUE(frame.ok()) << frame.status();
    ASSERT_NE(*frame, nullptr);
    EXPECT_EQ((*frame)->format, AV_PIX_FMT_RGBA);
    EXPECT_EQ((*frame)->width, 32);
    EXPECT_EQ((*frame)->height, 16);
  }
  EXPECT_EQ(*(*animation)->Next(), nullptr);
}

TEST(WebpAnimationTest, APartOfAFileIsNoShorterClip) {
  const std::string whole = *ReadFile(kMoving);
  const TemporaryFolder folder;
  for (size_t bytes = 30; bytes < whole.size(); bytes += 97) {
    auto file =
        InputFile::Open(folder.Write("part.webp", whole.substr(0, bytes)));
    auto animation = WebpAnimation::Open(*file);
    absl::Status problem = animation.status();
    while (problem.ok()) {
      auto frame = (*animation)->Next();
      problem = frame.status();
      ASSERT_FALSE(frame.ok() && *frame == nullptr) << bytes;
    }
    EXPECT_THAT(std::string(problem.message()), HasSubstr("damaged"));
  }
}

}  // namespace
}  // namespace halfpipe
