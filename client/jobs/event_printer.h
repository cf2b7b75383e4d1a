// Where a job's events go: a progress bar, plain lines, or JSON lines.
#ifndef HP_CLIENT_JOBS_EVENT_PRINTER_H_
#define HP_CLIENT_JOBS_EVENT_PRINTER_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

enum class OutputFormat { kText, kJson };

// Not thread-safe; the stream outlives it.
class EventPrinter {
 public:
  virtual ~EventPrinter() = default;

  virtual void Print(const JobEvent& event) = 0;

  // One line for people that is not an event (a restarted child).
  virtual void Notice(const std::string& text) = 0;

  // To be called now and then: draws anew what does not fit the terminal any
  // more.
  virtual void Refresh() {}

  // Ends an unfinished line.
  virtual void Finish() {}
};

// For a terminal: the newest step as a bar of two lines that is drawn over,
// everything else as lines above it, but for what a stage says that is no
// warning. `columns`, the terminal's, is asked before each drawing.
[[nodiscard]] std::unique_ptr<EventPrinter> NewBarPrinter(
    std::ostream& out, std::function<int()> columns);

// One line an event, with its time; of the steps, at most one an `interval` of
// the events' own time, and the last.
[[nodiscard]] std::unique_ptr<EventPrinter> NewLinePrinter(
    std::ostream& out, absl::Duration interval);

// One JSON object a line, every event; notices are left out.
[[nodiscard]] std::unique_ptr<EventPrinter> NewJsonPrinter(std::ostream& out);

// The one that fits: JSON if asked for, a bar if standard output is a
// terminal, else lines.
[[nodiscard]] std::unique_ptr<EventPrinter> NewEventPrinter(OutputFormat format,
                                                            std::ostream& out);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_EVENT_PRINTER_H_
