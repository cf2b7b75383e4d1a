// A service whose every word tries to give orders to the reader's terminal, or
// to look like a line of ours. What is shown of it must be data.
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/client_test_support.h"
#include "client/jobs/event_printer.h"
#include "common/base/printable_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A title, a cleared screen (in one character, too), a turned direction, a
// line that begins at the left, and one more.
constexpr char kEvil[] =
    "x\x1b]2;owned\x07\x1b[2J\xc2\x9b"
    "31m\xe2\x80\xaetxt\rFORGED\nFORGED second\x7f";

FakeTrainingClient EvilService() {
  FakeTrainingClient client;
  Job& job = client.job;
  job.id = kEvil;
  job.name = kEvil;
  job.reason = kEvil;
  job.labels = {{kEvil, kEvil}};
  job.state = JobState::kFailed;
  job.error = absl::InternalError(kEvil);
  job.pair = kEvil;
  job.config_yaml = kEvil;
  job.exports = {kEvil};
  job.checkpoints = {{.steps_done = 1, .directory = kEvil}};
  StageState stage;
  stage.pair = kEvil;
  stage.device = kEvil;
  stage.device_name = kEvil;
  stage.host = kEvil;
  stage.activity = kEvil;
  client.info.stages = {stage};
  client.info.version = kEvil;
  client.page = {.address = absl::StrCat(kEvil, ":1"), .ticket = kEvil};
  int64_t cursor = 0;
  const auto add = [&](auto what) {
    JobEvent event;
    event.cursor = ++cursor;
    event.what = std::move(what);
    client.events.push_back(event);
  };
  add(LogLine{.severity = LogSeverity::kWarning, .text = kEvil});
  add(StateChange{JobState::kRunning, kEvil, absl::OkStatus()});
  add(Checkpoint{.steps_done = 1, .directory = kEvil});
  add(EncodingProgress{1, 2, kEvil});
  return client;
}

// Everything but line feeds is shown as it is, and none of its lines looks like
// the first of ours.
void ExpectData(const std::string& text, const std::string& what) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_EQ(FirstUnprintable(line), std::nullopt)
        << what << ": " << PrintableText(line);
    EXPECT_THAT(std::string(line), Not(StartsWith("FORGED"))) << what;
  }
}

TEST(HostileServiceTest, WhatItSaysIsShownAsData) {
  const FakeTrainingClient client = EvilService();
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{"list"},
                                             {"list", "-o", "json"},
                                             {"show", "j"},
                                             {"show", "j", "-o", "json"},
                                             {"logs", "j"},
                                             {"logs", "j", "-f"},
                                             {"logs", "j", "-o", "json"},
                                             {"watch", "j"},
                                             {"watch", "j", "-o", "json"},
                                             {"stages"},
                                             {"stages", "-o", "json"},
                                             {"cancel", "j"},
                                             {"pause", "j"},
                                             {"resume", "j"},
                                             {"save", "j"},
                                             {"page"},
                                             {"page", "-o", "json"}}) {
    const CliResult result = RunCli(arguments, ServiceOf(client));
    const std::string what = absl::StrJoin(arguments, " ");
    ExpectData(result.out, what);
    ExpectData(result.err, what);
    EXPECT_FALSE(result.out.empty()) << what;
  }
  const std::string shown = RunCli({"show", "j"}, ServiceOf(client)).out;
  EXPECT_THAT(shown, HasSubstr("\\x1B]2;owned\\x07"));
}

TEST(HostileServiceTest, ItsRefusalsAreData) {
  FakeTrainingClient client = EvilService();
  client.status = absl::InvalidArgumentError("x\x1b[2J\r\xc2\x9b");
  const CliResult result = RunCli({"show", "j"}, ServiceOf(client));
  ExpectData(result.err, "show");
  EXPECT_THAT(result.err, HasSubstr("\\x1B[2J"));
}

// The one printer that draws: its own orders come from nobody else.
TEST(HostileServiceTest, TheBarIsOursAlone) {
  std::ostringstream out;
  const auto printer = NewBarPrinter(out, [] { return 80; });
  for (const JobEvent& event : EvilService().events) printer->Print(event);
  printer->Notice(kEvil);
  printer->Finish();
  // What takes the bar's one or two lines away.
  ExpectData(absl::StrReplaceAll(
                 out.str(), {{"\r\x1b[J", "\n"}, {"\r\x1b[1A\x1b[J", "\n"}}),
             "the bar");
}

}  // namespace
}  // namespace halfpipe
