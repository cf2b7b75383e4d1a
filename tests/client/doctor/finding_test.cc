#include "client/doctor/finding.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

Findings Mixed() {
  return {{.subject = "driver", .verdict = Verdict::kOk, .found = "580.1"},
          {.subject = "gpu 0",
           .verdict = Verdict::kWarn,
           .found = "x4 of x16",
           .advice = "move it"},
          {.subject = "pci", .verdict = Verdict::kInfo, .found = "none"}};
}

TEST(FindingTest, ALineEachAndTheAdviceUnderIt) {
  EXPECT_EQ(FindingsText(Mixed()),
            "ok    driver  580.1\n"
            "warn  gpu 0   x4 of x16\n"
            "              -> move it\n"
            "info  pci     none\n");
}

TEST(FindingTest, TheWorstOneDecides) {
  EXPECT_EQ(WorstOf({}), Verdict::kOk);
  EXPECT_EQ(WorstOf({Mixed()[0], Mixed()[2]}), Verdict::kOk);
  EXPECT_EQ(WorstOf(Mixed()), Verdict::kWarn);
  Findings failed = Mixed();
  failed.push_back({.subject = "disk", .verdict = Verdict::kFail});
  EXPECT_EQ(WorstOf(failed), Verdict::kFail);
  EXPECT_EQ(FindingsJson(failed)["verdict"], "FAIL");
}

TEST(FindingTest, JsonHasEveryField) {
  const auto json = FindingsJson(Mixed());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["findings"].size(), 3u);
  EXPECT_EQ(json["findings"][1].dump(),
            R"({"subject":"gpu 0","verdict":"warn","found":"x4 of x16",)"
            R"("advice":"move it"})");
}

}  // namespace
}  // namespace halfpipe
