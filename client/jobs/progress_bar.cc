#include "client/jobs/progress_bar.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/jobs/progress.h"
#include "client/jobs/terminal.h"

namespace halfpipe {
namespace {

constexpr int kNarrowestBar = 5;
constexpr int kBarStep = 5;
constexpr int kBarFrame = 9;     // "[] 100%  "
constexpr int kEchoColumns = 2;  // of ^C
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// The first of some texts, from the longest to the shortest, that fits; else
// what fits of the last.
std::string FirstThatFits(const std::vector<std::string>& texts, int columns) {
  for (const std::string& text : texts) {
    if (ShownColumns(text) <= columns) return text;
  }
  return CutToColumns(texts.back(), columns);
}

double DoneShare(const StepProgress& step) {
  if (step.steps_total <= 0) return 0.0;
  return std::clamp(static_cast<double>(step.steps_done) /
                        static_cast<double>(step.steps_total),
                    0.0, 1.0);
}

// What stands behind the bar.
std::string TimesText(const StepProgress& step, int columns) {
  const std::string steps =
      absl::StrCat("step ", step.steps_done, "/", step.steps_total);
  const std::string rate = absl::StrFormat("  %.3g s/it", step.step_seconds);
  const std::string left =
      step.eta_seconds < 0.0
          ? ""
          : absl::StrCat("  ETA ", ReadableSeconds(step.eta_seconds));
  // After a save's own step there is none to look forward to.
  const std::string save =
      step.next_checkpoint_step > step.steps_done
          ? absl::StrCat("  save in ",
                         ReadableSeconds(step.next_checkpoint_seconds))
          : "";
  return FirstThatFits(
      {absl::StrCat(steps, rate, left, save), absl::StrCat(steps, rate, left),
       absl::StrCat(steps, left), steps},
      columns);
}

std::string BarLine(const StepProgress& step, int columns) {
  const std::string times =
      TimesText(step, columns - kBarFrame - kNarrowestBar);
  const int space = columns - kBarFrame - ShownColumns(times);
  // In whole steps: a number that is a digit longer must not move the text.
  const int width = std::max(space / kBarStep * kBarStep, kNarrowestBar);
  const double done = DoneShare(step);
  const auto filled = static_cast<size_t>(done * width);
  return CutToColumns(
      absl::StrFormat("[%s%s] %3.0f%%  %s", std::string(filled, '#'),
                      std::string(static_cast<size_t>(width) - filled, '.'),
                      std::floor(done * 100.0), times),
      columns);
}

std::string IdleText(const StageUse& stage) {
  return absl::StrFormat("%.0f%%", 100.0 * std::max(0.0, stage.idle_ratio));
}

// StageText in fewer columns.
std::string CompactStageText(const StageUse& stage) {
  if (stage.device_total_bytes <= 0) return StageText(stage);
  return absl::StrFormat("gpu%d %.1f/%.0fG %s idle", stage.rank,
                         static_cast<double>(stage.device_bytes_in_use) / kGiB,
                         static_cast<double>(stage.device_total_bytes) / kGiB,
                         IdleText(stage));
}

std::string ShortStageText(const StageUse& stage) {
  if (stage.device_total_bytes <= 0) return StageText(stage);
  return absl::StrFormat("gpu%d %s idle", stage.rank, IdleText(stage));
}

// Each stage by `text_of`, behind one another.
std::string StagesText(const StepProgress& step,
                       std::string (*text_of)(const StageUse&)) {
  std::string text;
  for (const StageUse& stage : step.stages) {
    absl::StrAppend(&text, "  ", text_of(stage));
  }
  return text;
}

// The shortest that still tells of every stage: "  idle 8% 12%".
std::string IdleTexts(const StepProgress& step) {
  if (step.stages.empty()) return "";
  return absl::StrCat(
      "  idle ", absl::StrJoin(step.stages, " ",
                               [](std::string* out, const StageUse& stage) {
                                 out->append(IdleText(stage));
                               }));
}

std::string FiguresLine(const StepProgress& step, int columns) {
  const std::string loss =
      absl::StrFormat("loss %.4g (avg %.4g)", step.loss, step.smoothed_loss);
  const std::string more = absl::StrFormat("  grad norm %.3g  lr %.3g",
                                           step.grad_norm, step.learning_rate);
  return FirstThatFits({absl::StrCat(loss, more, StagesText(step, StageText)),
                        absl::StrCat(loss, StagesText(step, StageText)),
                        absl::StrCat(loss, StagesText(step, CompactStageText)),
                        absl::StrCat(loss, StagesText(step, ShortStageText)),
                        absl::StrCat(loss, IdleTexts(step)), loss},
                       columns);
}

}  // namespace

std::vector<std::string> ProgressBar(const StepProgress& step, int columns) {
  return {BarLine(step, columns), FiguresLine(step, columns - kEchoColumns)};
}

}  // namespace halfpipe
