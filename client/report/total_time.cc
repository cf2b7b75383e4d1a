#include "client/report/total_time.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr double kLongest = 3.2e10;  // seconds: a thousand years

int64_t RoundTo(double seconds, int64_t unit) {
  return std::llround(seconds / static_cast<double>(unit)) * unit;
}

}  // namespace

std::string AboutText(double seconds) {
  if (seconds > kLongest) return "more than a thousand years";
  if (const int64_t s = RoundTo(seconds, 1); s < kMinute) {
    return absl::StrCat("about ", s, " s");
  }
  if (const int64_t s = RoundTo(seconds, kMinute); s < 2 * kDay) {
    const int64_t minutes = s % kHour / kMinute;
    if (s < kHour) return absl::StrCat("about ", minutes, " min");
    return absl::StrCat("about ", s / kHour, " h",
                        minutes > 0 ? absl::StrCat(" ", minutes, " min") : "");
  }
  const int64_t s = RoundTo(seconds, kHour);
  const int64_t hours = s % kDay / kHour;
  return absl::StrCat("about ", s / kDay, " days",
                      hours > 0 ? absl::StrCat(" ", hours, " h") : "");
}

std::string ClockText(absl::Time when, absl::Time now, absl::TimeZone zone) {
  const bool soon = when - now < absl::Hours(6 * 24);
  return absl::FormatTime(soon ? "%a %H:%M" : "%a %Y-%m-%d %H:%M", when, zone);
}

}  // namespace halfpipe
