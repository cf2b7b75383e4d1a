#include "coordinator/page/job_record.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

RecordedLine LineOf(const StateChange& change, absl::Time time) {
  RecordedLine line{
      .time = time,
      .text = absl::StrCat("the job is ", JobStateName(change.state))};
  if (!change.reason.empty()) absl::StrAppend(&line.text, ": ", change.reason);
  if (!change.error.ok()) {
    line.severity = LogSeverity::kError;
    absl::StrAppend(&line.text, ": ", change.error.message());
  }
  return line;
}

}  // namespace

void JobRecord::Add(const JobEvent& event) {
  if (const auto* step = std::get_if<StepProgress>(&event.what)) {
    curve_.Add(*step);
    steps_.Add(*step);
  } else if (const auto* result = std::get_if<ValidationResult>(&event.what)) {
    AddValidation(*result);
  } else if (const auto* log = std::get_if<LogLine>(&event.what)) {
    AddLine({.time = event.time,
             .severity = log->severity,
             .stage = log->stage,
             .text = log->text});
  } else if (const auto* change = std::get_if<StateChange>(&event.what)) {
    AddLine(LineOf(*change, event.time));
  }
}

void JobRecord::AddValidation(const ValidationResult& result) {
  while (!validations_.empty() &&
         validations_.back().steps_done >= result.steps_done) {
    validations_.pop_back();
  }
  if (validations_.size() == kValidations) {
    for (size_t i = 0; 2 * i + 1 < validations_.size(); ++i) {
      validations_[i] = std::move(validations_[2 * i + 1]);
    }
    validations_.resize(kValidations / 2);
  }
  validations_.push_back(result);
}

void JobRecord::AddLine(RecordedLine line) {
  if (line.text.size() > kMostLineBytes) {
    line.text.resize(kMostLineBytes);
    line.text += " ...";
  }
  lines_.push_back(std::move(line));
  if (lines_.size() > kLines) lines_.pop_front();
}

}  // namespace halfpipe
