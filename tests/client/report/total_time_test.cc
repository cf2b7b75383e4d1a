#include "client/report/total_time.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(TotalTimeTest, TwoUnitsAtMost) {
  EXPECT_EQ(AboutText(0), "about 0 s");
  EXPECT_EQ(AboutText(59.4), "about 59 s");
  EXPECT_EQ(AboutText(59.6), "about 1 min");
  EXPECT_EQ(AboutText(750), "about 13 min");
  EXPECT_EQ(AboutText(3599), "about 1 h");
  EXPECT_EQ(AboutText(26400), "about 7 h 20 min");
  EXPECT_EQ(AboutText(47.5 * 3600), "about 47 h 30 min");
  EXPECT_EQ(AboutText(48 * 3600), "about 2 days");
  EXPECT_EQ(AboutText(76.2 * 3600), "about 3 days 4 h");
  EXPECT_EQ(AboutText(1e300), "more than a thousand years");
}

TEST(TotalTimeTest, TheDateStandsWhereADayIsNotEnough) {
  const absl::TimeZone zone = absl::FixedTimeZone(3600);
  // Thursday 2026-12-24, 11:20 in that zone.
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(2026, 12, 24, 11, 20, 0), zone);
  EXPECT_EQ(ClockText(now + absl::Minutes(440), now, zone), "Thu 18:40");
  EXPECT_EQ(ClockText(now + absl::Hours(13), now, zone), "Fri 00:20");
  EXPECT_EQ(ClockText(now + absl::Hours(24 * 7), now, zone),
            "Thu 2026-12-31 11:20");
}

}  // namespace
}  // namespace halfpipe
