// What GPUs were measured to do, as a table for people.
#ifndef HP_CLIENT_REPORT_RATES_TABLE_H_
#define HP_CLIENT_REPORT_RATES_TABLE_H_

#include <string>
#include <vector>

#include "common/plan/rates.h"

namespace halfpipe {

// A line a GPU with its name and memory, then a line a rate with a column a
// GPU. A warning where other programs hold so much of a GPU that what was
// measured beside them is not kept (stage/job/known_rates.h).
[[nodiscard]] std::string RatesTable(const std::vector<DeviceRates>& devices);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_RATES_TABLE_H_
