// A job file that needs no model and no data. Useful for: tests of the
// coordinator above the runner.
#ifndef HP_TESTS_COORDINATOR_JOB_CONFIG_TEXT_H_
#define HP_TESTS_COORDINATOR_JOB_CONFIG_TEXT_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace halfpipe {

inline std::string JobConfigText(const std::string& output_dir,
                                 int64_t steps = 6, int64_t save_every = 2) {
  return absl::StrCat(
      "name: test\n"
      "model: {random: {variant: wan2.1-t2v-1.3b, layers: 5}}\n"
      "data: {height: 32, width: 32, frames: 5, random: {samples: 3}}\n"
      "train: {steps: ",
      steps,
      ", micro_batches: 2}\n"
      "output: {dir: ",
      output_dir, ", save_every: {steps: ", save_every, "}}\n");
}

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_JOB_CONFIG_TEXT_H_
