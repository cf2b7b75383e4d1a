#include "decode/frame_source.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "decode/heif_picture.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

struct Expected {
  const char* file;
  MediumKind kind;
  bool upright;  // of the source's own word; libheif has turned it already
};

TEST(FrameSourceTest, EachKindHasItsReader) {
  ASSERT_TRUE(InstallHeifCodec().ok());
  for (const Expected& expected :
       {Expected{"turned/tag6.jpg", MediumKind::kPicture, false},
        Expected{"turned/tag6.png", MediumKind::kPicture, false},
        Expected{"turned/tag6.webp", MediumKind::kPicture, false},
        Expected{"turned/tag6.tif", MediumKind::kPicture, false},
        Expected{"turned/tag6.avif", MediumKind::kPicture, true},
        Expected{"turned/tag1.jpg", MediumKind::kPicture, true},
        Expected{"alpha/moving.webp", MediumKind::kAnimation, true},
        Expected{"alpha/moving.gif", MediumKind::kAnimation, true},
        Expected{"alpha/moving.png", MediumKind::kAnimation, true},
        Expected{"alpha/still.gif", MediumKind::kAnimation, true}}) {
    const std::string path =
        absl::StrCat("tests/decode/golden/", expected.file);
    auto file = InputFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    auto source = OpenFrameSource(*file);
    ASSERT_TRUE(source.ok()) << path << ": " << source.status();
    EXPECT_EQ((*source)->traits().kind, expected.kind) << path;
    EXPECT_EQ((*source)->traits().orientation.upright(), expected.upright)
        << path;
    auto frame = (*source)->Next();
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_NE(*frame, nullptr);
  }
}

}  // namespace
}  // namespace halfpipe
