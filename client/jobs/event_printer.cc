#include "client/jobs/event_printer.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kStepLineInterval = absl::Seconds(2);
constexpr char kClearLine[] = "\r\x1b[K";

int TerminalColumns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return size.ws_col;
}

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

class BarPrinter : public EventPrinter {
 public:
  BarPrinter(std::ostream& out, std::function<int()> columns)
      : out_(out), columns_(std::move(columns)) {}

  void Print(const JobEvent& event) override {
    if (const auto* step = std::get_if<StepProgress>(&event.what)) {
      // One column stays free: a full line would wrap in some terminals.
      Draw(ProgressBar(*step, columns_() - 1));
    } else if (const auto* encoding =
                   std::get_if<EncodingProgress>(&event.what)) {
      Draw(EncodingText(*encoding).substr(0, columns_() - 1));
    } else if (!IsFailure(event) && !IsChatter(event)) {
      Line(EventText(event));
    }
  }

  void Notice(const std::string& text) override { Line(PrintableLines(text)); }

  void Finish() override {
    if (!bar_.empty()) out_ << "\n" << std::flush;
    bar_.clear();
  }

 private:
  void Draw(std::string bar) {
    bar_ = std::move(bar);
    out_ << kClearLine << bar_ << std::flush;
  }

  void Line(const std::string& text) {
    if (!bar_.empty()) out_ << kClearLine;
    out_ << text << "\n" << bar_ << std::flush;
  }

  std::ostream& out_;
  std::function<int()> columns_;
  std::string bar_;  // what the terminal's last line shows
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
  if (isatty(STDOUT_FILENO) != 0) return NewBarPrinter(out, TerminalColumns);
  return NewLinePrinter(out, kStepLineInterval);
}

}  // namespace halfpipe
