#include "coordinator/run/sample_list.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

const SampleList kThree{
    "d", {{"a.mp4", "la", "ca"}, {"b.mp4", "lb", "cb"}, {"c.mp4", "lc", "cc"}}};

TEST(SampleListTest, NamesAreRelativeToTheDataFolder) {
  std::vector<SampleRef> samples(2);
  samples[0].media_path = "/data/in/a.mp4";
  samples[0].latents_path = "/cache/x.latents";
  samples[0].context_path = "/cache/y.context";
  samples[1].media_path = "/elsewhere/b.mp4";
  const SampleList list = ListSamples("/data/", "digest", samples);
  EXPECT_EQ(list.samples[0],
            (ListedSample{"in/a.mp4", "x.latents", "y.context"}));
  EXPECT_EQ(list.samples[1].name, "/elsewhere/b.mp4");
}

TEST(SampleListTest, IsReadAsItWasWritten) {
  const auto read = SampleListFromJson(ToJson(kThree));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, kThree);
}

TEST(SampleListTest, ADamagedListSaysWhere) {
  for (const char* text :
       {"", "[]", "{}", "{\"digest\": \"d\"}",
        "{\"samples\": [], \"digest\": 1}",
        "{\"samples\": [3], \"digest\": \"d\"}",
        "{\"samples\": [{\"name\": \"a\"}], \"digest\": \"d\"}"}) {
    const auto read = SampleListFromJson(text);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(SampleListTest, RenamedSamplesKeepTheirPlace) {
  const SampleList renamed{
      "e",
      {{"1.mp4", "lc", "cc"}, {"2.mp4", "la", "ca"}, {"3.mp4", "lb", "cb"}}};
  EXPECT_TRUE(CompareSamples(kThree, renamed).none());
  EXPECT_THAT(OrderOf(kThree, renamed), Optional(ElementsAre(1, 2, 0)));
}

TEST(SampleListTest, EqualSamplesEachCountOnce) {
  const SampleList twice{
      "e",
      {{"a.mp4", "la", "ca"}, {"b.mp4", "lb", "cb"}, {"x.mp4", "la", "ca"}}};
  const SampleChanges changes = CompareSamples(kThree, twice);
  EXPECT_THAT(changes.added, ElementsAre("x.mp4"));
  EXPECT_THAT(changes.removed, ElementsAre("c.mp4"));
  EXPECT_EQ(OrderOf(kThree, twice), std::nullopt);
  EXPECT_THAT(OrderOf(twice, twice), Optional(ElementsAre(0, 1, 2)));
}

TEST(SampleListTest, ChangesAreNamedWithWhatChanged) {
  const SampleList now{"e",
                       {{"a.mp4", "la", "other"},
                        {"b.mp4", "other", "cb"},
                        {"d.mp4", "ld", "cd"}}};
  const SampleChanges changes = CompareSamples(kThree, now);
  EXPECT_EQ(ChangesText(changes),
            "1 sample was added (d.mp4), 1 sample was removed (c.mp4), 2 "
            "samples were changed (a.mp4 (caption), b.mp4 (clip))");
}

// Another VAE or text encoder, not another data set.
TEST(SampleListTest, WhereAllHaveChangedTheKeysThatDoThatAreNamed) {
  SampleList now = kThree;
  for (ListedSample& sample : now.samples) sample.latents += "'";
  EXPECT_THAT(ChangesText(CompareSamples(kThree, now)),
              HasSubstr("c.mp4 (clip)); every clip: is model.vae another"));
  now = kThree;
  for (ListedSample& sample : now.samples) sample.context += "'";
  EXPECT_THAT(ChangesText(CompareSamples(kThree, now)),
              HasSubstr("every caption: is model.text_encoder or"));
}

TEST(SampleListTest, LongListsAreCut) {
  SampleChanges changes;
  for (int i = 0; i < 12; ++i) changes.added.push_back(std::to_string(i));
  EXPECT_THAT(ChangesText(changes), HasSubstr("9, 2 more)"));
  EXPECT_THAT(ChangesText({}), IsEmpty());
}

}  // namespace
}  // namespace halfpipe
