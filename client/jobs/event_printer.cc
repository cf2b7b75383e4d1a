#include "client/jobs/event_printer.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "client/jobs/progress_bar.h"
#include "client/jobs/terminal.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kStepLineInterval = absl::Seconds(2);
constexpr char kClearBelow[] = "\x1b[J";

// Whoever follows a job reports why it failed, on standard error.
bool IsFailure(const JobEvent& event) {
  const auto* change = std::get_if<StateChange>(&event.what);
  return change != nullptr && change->state == JobState::kFailed;
}

// What a stage says in passing: it is in its log, and in `logs`.
bool IsChatter(const JobEvent& event) {
  const auto* line = std::get_if<LogLine>(&event.what);
  return line != nullptr && line->stage.has_value() &&
         line->severity == LogSeverity::kInfo;
}

// What the bar shows of an event; empty for one that is a line.
std::vector<std::string> BarOf(const JobEvent& event, int columns) {
  // One column stays free: a full line would wrap in some terminals.
  if (const auto* step = std::get_if<StepProgress>(&event.what)) {
    return ProgressBar(*step, columns - 1);
  }
  if (const auto* encoding = std::get_if<EncodingProgress>(&event.what)) {
    return {CutToColumns(EncodingText(*encoding), columns - 1)};
  }
  return {};
}

class BarPrinter : public EventPrinter {
 public:
  BarPrinter(std::ostream& out, std::function<int()> columns)
      : out_(out), columns_(std::move(columns)) {}

  void Print(const JobEvent& event) override {
    if (std::holds_alternative<StepProgress>(event.what) ||
        std::holds_alternative<EncodingProgress>(event.what)) {
      shown_ = event;
      Redraw("");
    } else if (!IsFailure(event) && !IsChatter(event)) {
      Redraw(EventText(event) + "\n");
    }
  }

  void Notice(const std::string& text) override {
    Redraw(PrintableLines(text) + "\n");
  }

  void Refresh() override {
    if (!bar_.empty() && columns_() != drawn_columns_) Redraw("");
  }

  void Finish() override {
    if (!bar_.empty()) out_ << "\n" << std::flush;
    bar_.clear();
    shown_.reset();
  }

 private:
  // Takes the bar away, writes `lines` where it was, and draws it below them.
  void Redraw(const std::string& lines) {
    drawn_columns_ = columns_();
    out_ << Erasure() << lines;
    if (shown_.has_value()) bar_ = BarOf(*shown_, drawn_columns_);
    out_ << absl::StrJoin(bar_, "\n") << std::flush;
  }

  // From the last of the bar's rows to its first, and all below that away. A
  // terminal that has become narrower shows a line in several rows.
  [[nodiscard]] std::string Erasure() const {
    if (bar_.empty()) return "";
    int rows = 0;
    for (const std::string& line : bar_) {
      rows +=
          1 + std::max(ShownColumns(line) - 1, 0) / std::max(drawn_columns_, 1);
    }
    const std::string up = rows > 1 ? absl::StrCat("\x1b[", rows - 1, "A") : "";
    return absl::StrCat("\r", up, kClearBelow);
  }

  std::ostream& out_;
  std::function<int()> columns_;
  std::optional<JobEvent> shown_;  // as the bar
  std::vector<std::string> bar_;   // the terminal's last lines
  int drawn_columns_ = 0;          // the terminal's, when they were drawn
};

class LinePrinter : public EventPrinter {
 public:
  LinePrinter(std::ostream& out, absl::Duration interval)
      : out_(out), interval_(interval) {}

  void Print(const JobEvent& event) override {
    const auto* step = std::get_if<StepProgress>(&event.what);
    if (step == nullptr) {
      PrintSkipped();
      if (!IsFailure(event)) WriteLine(event);
      return;
    }
    const bool last = step->steps_done >= step->steps_total;
    if (last || event.time >= last_step_ + interval_) {
      last_step_ = event.time;
      skipped_.reset();
      WriteLine(event);
    } else {
      skipped_ = event;
    }
  }

  void Notice(const std::string& text) override {
    out_ << PrintableLines(text) << "\n" << std::flush;
  }

  void Finish() override { PrintSkipped(); }

 private:
  // A step that was left out is worth its line when something else follows.
  void PrintSkipped() {
    if (skipped_.has_value()) WriteLine(*skipped_);
    skipped_.reset();
  }

  void WriteLine(const JobEvent& event) {
    out_ << absl::FormatTime("%H:%M:%S", event.time, absl::LocalTimeZone())
         << "  " << EventText(event) << "\n"
         << std::flush;
  }

  std::ostream& out_;
  absl::Duration interval_;
  absl::Time last_step_ = absl::InfinitePast();
  std::optional<JobEvent> skipped_;
};

class JsonPrinter : public EventPrinter {
 public:
  explicit JsonPrinter(std::ostream& out) : out_(out) {}

  void Print(const JobEvent& event) override {
    out_ << JsonText(ToJson(event)) << "\n" << std::flush;
  }

  void Notice(const std::string&) override {}

 private:
  std::ostream& out_;
};

}  // namespace

std::unique_ptr<EventPrinter> NewBarPrinter(std::ostream& out,
                                            std::function<int()> columns) {
  return std::make_unique<BarPrinter>(out, std::move(columns));
}

std::unique_ptr<EventPrinter> NewLinePrinter(std::ostream& out,
                                             absl::Duration interval) {
  return std::make_unique<LinePrinter>(out, interval);
}

std::unique_ptr<EventPrinter> NewJsonPrinter(std::ostream& out) {
  return std::make_unique<JsonPrinter>(out);
}

std::unique_ptr<EventPrinter> NewEventPrinter(OutputFormat format,
                                              std::ostream& out) {
  if (format == OutputFormat::kJson) return NewJsonPrinter(out);
  if (TerminalColumns().has_value()) {
    return NewBarPrinter(
        out, [] { return TerminalColumns().value_or(kUsualColumns); });
  }
  return NewLinePrinter(out, kStepLineInterval);
}

}  // namespace halfpipe
