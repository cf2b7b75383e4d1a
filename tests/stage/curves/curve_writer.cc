// Writes curves as stage 0 does, and is killed: for tensorboard_test.py.
//   curve_writer DIR FROM TO MARK
// Steps FROM to TO with losses MARK + step, a validation behind each tenth.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "stage/curves/job_curves.h"

namespace halfpipe {
namespace {

void WriteSteps(const std::string& directory, int64_t from, int64_t to,
                double mark) {
  OutputConfig output;
  output.dir = directory;
  JobCurves curves(output);
  for (int64_t step = from; step <= to; ++step) {
    const double now = 1764630000.0 + static_cast<double>(step);
    const double value = mark + static_cast<double>(step);
    StepPlan plan;
    plan.step = Step(step - 1);
    plan.learning_rate = 1e-4;
    plan.peak_bytes = {1, int64_t{3} << 30};
    StepReport report;
    report.losses = {value};
    report.grad_norm = 0.25;
    report.step_seconds = 1.5;
    report.device_peak_bytes = int64_t{2} << 30;
    curves.Write(StepRow(plan, report, now));
    if (step % 10 != 0) continue;
    plan.step = Step(step);
    report.losses = {value, value + 1.0};
    report.timesteps = {978.0, 200.0};
    curves.Write(ValidationRow(plan, report, now));
  }
  std::raise(SIGKILL);
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: curve_writer DIR FROM TO MARK\n");
    return 2;
  }
  halfpipe::WriteSteps(argv[1], std::atoll(argv[2]), std::atoll(argv[3]),
                       std::atof(argv[4]));
  return 0;
}
