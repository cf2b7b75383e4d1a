#include "client/local/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr int kTailLines = 15;
constexpr std::streamoff kTailBytes = 16 * 1024;

// The status for an exit that a restart cannot mend, or OK.
absl::StatusCode FinalExitCode(const ChildExit& exit) {
  if (exit.signal != 0) return absl::StatusCode::kOk;
  switch (static_cast<ExitCode>(exit.code)) {
    case ExitCode::kInvalidInput:
      return absl::StatusCode::kInvalidArgument;
    case ExitCode::kUsage:
    case ExitCode::kDeviceMissing:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kOk;
  }
}

constexpr uint64_t kMaxGroupFileBytes = 1 << 20;

// The number after "oom_kill " on a line of `path`.
std::optional<int64_t> ReadOomKills(const std::string& path) {
  const auto text = ReadFile(path, kMaxGroupFileBytes);
  if (!text.ok()) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    int64_t kills = 0;
    if (absl::ConsumePrefix(&line, "oom_kill ") &&
        absl::SimpleAtoi(line, &kills)) {
      return kills;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string TailOfFile(const std::string& path, int max_lines) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  const std::streamoff from = std::max<std::streamoff>(0, size - kTailBytes);
  file.seekg(from);
  std::string text(static_cast<size_t>(size - from), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipWhitespace());
  const size_t keep = std::min(lines.size(), static_cast<size_t>(max_lines));
  std::string tail;
  for (size_t i = lines.size() - keep; i < lines.size(); ++i) {
    absl::StrAppend(&tail, "    ", lines[i], "\n");
  }
  return tail;
}

absl::Status Supervisor::Start(const ChildSpec& spec) {
  HP_CHECK(Find(spec.name) == nullptr);
  Child child;
  child.spec = spec;
  HP_RETURN_IF_ERROR(Launch(child));
  children_.push_back(std::move(child));
  return absl::OkStatus();
}

absl::Status Supervisor::Launch(Child& child) {
  HP_ASSIGN_OR_RETURN(
      ChildProcess process,
      ChildProcess::Spawn(child.spec.argv, child.spec.log_path));
  child.killed_because.clear();
  child.worked = true;
  child.oom_kills = oom_kills_();
  child.started = SteadyNow();
  child.process.emplace(std::move(process));
  return absl::OkStatus();
}

absl::Status Supervisor::Poll() {
  for (Child& child : children_) {
    if (child.process.has_value()) {
      if (const auto exit = child.process->TryWait(); exit.has_value()) {
        child.process.reset();
        HP_RETURN_IF_ERROR(HandleExit(child, *exit));
      }
    } else if (SteadyNow() >= child.restart_at) {
      ++child.restarts;
      HP_RETURN_IF_ERROR(Launch(child));
    }
  }
  return absl::OkStatus();
}

absl::Status Supervisor::HandleExit(Child& child, const ChildExit& exit) {
  // A child that is given up stays down.
  child.restart_at = absl::InfiniteFuture();
  const std::string what = Describe(child, exit);
  const std::string log =
      absl::StrCat("\n  its log (", child.spec.log_path, ") ends with:\n",
                   LogTailOf(child.spec.name));
  if (const auto code = FinalExitCode(exit); code != absl::StatusCode::kOk) {
    return absl::Status(code, absl::StrCat(what, log));
  }
  const absl::Time now = SteadyNow();
  const bool quick = now - child.started < policy_.quick || !child.worked;
  child.quick_failures = quick ? child.quick_failures + 1 : 1;
  if (child.quick_failures >= policy_.max_quick_failures) {
    return absl::InternalError(
        absl::StrCat(what, "; given up after ", child.quick_failures,
                     " failures in quick succession", log));
  }
  absl::Duration delay = policy_.initial_delay;
  for (int i = 1; i < child.quick_failures; ++i) delay *= 2;
  delay = std::min(delay, policy_.max_delay);
  child.restart_at = now + delay;
  on_notice_(absl::StrCat(what, "; starting it again in ",
                          absl::FormatDuration(delay),
                          " (log: ", child.spec.log_path, ")"));
  return absl::OkStatus();
}

std::string Supervisor::Describe(const Child& child,
                                 const ChildExit& exit) const {
  if (child.killed_because.empty()) {
    std::string text = absl::StrCat(child.spec.name, " ", ToString(exit));
    if (exit.signal != SIGKILL) return text;
    // Nobody here sent it.
    const std::optional<int64_t> kills = oom_kills_();
    const bool counted = kills.has_value() && child.oom_kills.has_value();
    if (counted && *kills == *child.oom_kills) {
      return absl::StrCat(text, ", which somebody else sent");
    }
    return absl::StrCat(
        text,
        counted ? ": the kernel ended it because host memory ran out"
                : ": most likely the kernel ended it because host memory ran "
                  "out (dmesg or journalctl -k says so)",
        "; lower pipeline.host_memory (--host-memory), or give the machine or "
        "container more");
  }
  return absl::StrCat(child.spec.name, " ", child.killed_because,
                      " and was killed");
}

void Supervisor::KillChild(absl::string_view name, absl::string_view why,
                           bool worked) {
  for (Child& child : children_) {
    if (child.spec.name != name || !child.process.has_value()) continue;
    if (!child.killed_because.empty()) return;
    child.killed_because = std::string(why);
    child.worked = worked;
    // Not Kill, which waits: a process may be stuck in a driver.
    child.process->Signal(SIGKILL);
  }
}

void Supervisor::Stop(absl::Duration grace) {
  const absl::Time deadline = SteadyNow() + grace;
  for (auto child = children_.rbegin(); child != children_.rend(); ++child) {
    child->restart_at = absl::InfiniteFuture();
    if (child->process.has_value()) child->process->Signal(SIGTERM);
  }
  const auto running = [](Child& child) {
    return child.process.has_value() && !child.process->TryWait().has_value();
  };
  while (std::any_of(children_.begin(), children_.end(), running) &&
         SteadyNow() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  Kill();
}

void Supervisor::Kill() {
  for (Child& child : children_) {
    child.restart_at = absl::InfiniteFuture();
    child.process.reset();  // its destructor kills and reaps
  }
}

void Supervisor::NoteProgress() {
  for (Child& child : children_) {
    if (child.process.has_value()) child.quick_failures = 0;
  }
}

std::optional<pid_t> Supervisor::PidOf(absl::string_view name) const {
  const Child* child = Find(name);
  if (child == nullptr || !child->process.has_value()) return std::nullopt;
  return child->process->pid();
}

int Supervisor::RestartsOf(absl::string_view name) const {
  const Child* child = Find(name);
  return child == nullptr ? 0 : child->restarts;
}

std::string Supervisor::LogTailOf(absl::string_view name) const {
  const Child* child = Find(name);
  if (child == nullptr) return "";
  const std::string tail = TailOfFile(child->spec.log_path, kTailLines);
  return tail.empty() ? "    (nothing)\n" : tail;
}

const Supervisor::Child* Supervisor::Find(absl::string_view name) const {
  for (const Child& child : children_) {
    if (child.spec.name == name) return &child;
  }
  return nullptr;
}

std::optional<int64_t> OomKills(const std::string& root) {
  const auto groups = ReadFile(root + "/proc/self/cgroup", kMaxGroupFileBytes);
  if (!groups.ok()) return std::nullopt;
  // "0::/a/b" (version 2) or "7:cpu,memory:/a/b" (version 1).
  for (absl::string_view line : absl::StrSplit(*groups, '\n')) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    std::optional<int64_t> kills;
    if (parts[1].empty()) {
      kills = ReadOomKills(
          absl::StrCat(root, "/sys/fs/cgroup", parts[2], "/memory.events"));
    } else {
      kills = ReadOomKills(absl::StrCat(root, "/sys/fs/cgroup/memory", parts[2],
                                        "/memory.oom_control"));
    }
    if (kills.has_value()) return kills;
  }
  return std::nullopt;
}

}  // namespace halfpipe
