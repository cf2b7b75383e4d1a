// A point of a job's curves: what one optimizer step or one validation gave.
#ifndef HP_STAGE_CURVES_CURVE_ROW_H_
#define HP_STAGE_CURVES_CURVE_ROW_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/jobs/step_plan.h"

namespace halfpipe {

// The order of the rows: a validation comes behind the step that it is of.
struct CurveKey {
  int64_t step = 0;  // optimizer steps that are in the weights
  bool is_validation = false;

  friend auto operator<=>(const CurveKey&, const CurveKey&) = default;
};

// TensorBoard groups by what stands before the slash of "train/loss".
inline constexpr char kTrainGroup[] = "train";
inline constexpr char kMemoryGroup[] = "memory";
inline constexpr char kValidationGroup[] = "validation";

struct CurveValue {
  std::string group;  // one of the three
  std::string name;   // "loss"
  double value = 0.0;
};

struct CurveRow {
  CurveKey key;
  double unix_seconds = 0.0;  // when it was measured
  std::vector<CurveValue> values;
};

// Of a step that stage 0 has done: the mean loss of its micro-batches, the
// gradients' norm, the learning rate, its seconds, and of each stage the most
// that its device has held (of the others as of the step before; none on a
// CPU).
[[nodiscard]] CurveRow StepRow(const StepPlan& plan, const StepReport& report,
                               double unix_seconds);
// Of an evaluation: the mean loss, and that of each band, "loss_t978" by the
// timestep in its middle.
[[nodiscard]] CurveRow ValidationRow(const StepPlan& plan,
                                     const StepReport& report,
                                     double unix_seconds);

// One JSON object, and a newline: {"step":12,"time":...,"loss":...}. A number
// that is none is null.
[[nodiscard]] std::string JsonLineOf(const CurveRow& row);
// The key of a line (without its newline); nullopt: it is no row.
[[nodiscard]] std::optional<CurveKey> KeyOfLine(absl::string_view line);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_CURVE_ROW_H_
