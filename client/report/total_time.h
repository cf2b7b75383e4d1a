// How long a job takes in all, in words.
#ifndef HP_CLIENT_REPORT_TOTAL_TIME_H_
#define HP_CLIENT_REPORT_TOTAL_TIME_H_

#include <string>

#include "absl/time/time.h"

namespace halfpipe {

// "about 45 s", "about 12 min", "about 7 h 20 min", "about 3 days 4 h": two
// units at most, rounded to the smaller one. `seconds` >= 0.
[[nodiscard]] std::string AboutText(double seconds);

// "Thu 18:40" within the next six days, else with the date: "Thu 2026-12-24
// 18:40".
[[nodiscard]] std::string ClockText(absl::Time when, absl::Time now,
                                    absl::TimeZone zone);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_TOTAL_TIME_H_
