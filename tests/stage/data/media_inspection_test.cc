// How media are shared out to decoders; tests/decode has the real one.
#include "stage/data/media_inspection.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::vector<DecodeItem> Items(size_t count) {
  std::vector<DecodeItem> items(count);
  for (size_t i = 0; i < count; ++i) {
    items[i].path = absl::StrCat("clip-", i);
    items[i].mode = DecodeMode::kInspect;
    items[i].height = items[i].width = 16;
  }
  return items;
}

// A decoder that takes its request and dies of the first file.
std::string CrashingDecoder(const TemporaryFolder& folder) {
  std::string path = folder.Write(
      "decoder", "#!/bin/sh\nhead -c 1 >/dev/null\nkill -SEGV $$\n");
  chmod(path.c_str(), 0755);
  return path;
}

TEST(MediaInspectionTest, EachFileIsAnsweredByName) {
  const TemporaryFolder folder;
  for (int parallel : {1, 3, 8}) {
    const std::vector<DecodeItem> items = Items(7);
    size_t calls = 0;
    auto facts =
        InspectMedia(items, {.decoder = {.program = CrashingDecoder(folder)},
                             .parallel = parallel,
                             .on_progress = [&](size_t done, size_t count) {
                               EXPECT_EQ(done, ++calls);
                               EXPECT_EQ(count, 7u);
                             }});
    ASSERT_TRUE(facts.ok()) << facts.status();
    ASSERT_EQ(facts->size(), items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_THAT(std::string((*facts)[i].status().message()),
                  HasSubstr(absl::StrCat("clip-", i, ": crashes the decoder")));
    }
    EXPECT_EQ(calls, 7u);
  }
}

TEST(MediaInspectionTest, AProgramThatIsMissingIsNoFilesFault) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      InspectMedia(Items(3), {.decoder = {.program = "/nowhere"}}).status()));
}

}  // namespace
}  // namespace halfpipe
