#include "client/local/supervisor.h"

#include <signal.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/client_test_support.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SupervisorTest : public ::testing::Test {
 protected:
  ChildSpec Spec(const std::string& name, const std::string& script) const {
    return {.name = name,
            .argv = Shell(script),
            .log_path = directory_.Path(name + ".log")};
  }

  // Polls until it fails or ten seconds have passed.
  absl::Status PollUntilFailure() {
    absl::Status status;
    (void)EventuallyTrue([&] {
      status = supervisor_.Poll();
      return !status.ok();
    });
    return status;
  }

  TestDirectory directory_;
  std::vector<std::string> notices_;
  Supervisor supervisor_{
      ChildRestartPolicy{.initial_delay = absl::Milliseconds(5),
                         .max_delay = absl::Milliseconds(20),
                         .quick = absl::Seconds(5),
                         .max_quick_failures = 3},
      [this](const std::string& text) { notices_.push_back(text); }};
};

TEST_F(SupervisorTest, RestartsAfterASignal) {
  ASSERT_TRUE(supervisor_.Start(Spec("stage1", "exec sleep 60")).ok());
  const pid_t first = *supervisor_.PidOf("stage1");
  ASSERT_EQ(kill(first, SIGKILL), 0);
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(supervisor_.Poll().ok());
    const auto pid = supervisor_.PidOf("stage1");
    return pid.has_value() && *pid != first;
  }));
  EXPECT_EQ(supervisor_.RestartsOf("stage1"), 1);
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_THAT(notices_[0], AllOf(HasSubstr("stage1 was killed by signal 9"),
                                 HasSubstr("starting it again")));
}

// What is said of a SIGKILL that nobody here sent, with a kernel that counts so
// many out-of-memory kills before and after.
std::string NoticeOfKill(const ChildSpec& spec, std::optional<int64_t> before,
                         std::optional<int64_t> after) {
  std::vector<std::string> notices;
  std::optional<int64_t> kills = before;
  Supervisor supervisor(
      ChildRestartPolicy{.initial_delay = absl::Milliseconds(5)},
      [&](const std::string& text) { notices.push_back(text); },
      [&] { return kills; });
  EXPECT_TRUE(supervisor.Start(spec).ok());
  kills = after;
  EXPECT_EQ(kill(*supervisor.PidOf(spec.name), SIGKILL), 0);
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(supervisor.Poll().ok());
    return !notices.empty();
  }));
  return notices.empty() ? "" : notices[0];
}

TEST_F(SupervisorTest, ABareKillIsExplainedByWhatTheKernelCounts) {
  const ChildSpec spec = Spec("stage1", "exec sleep 60");
  EXPECT_THAT(NoticeOfKill(spec, 2, 3),
              AllOf(HasSubstr(": the kernel ended it because host memory ran "
                              "out; lower pipeline.host_memory"),
                    HasSubstr("starting it again")));
  EXPECT_THAT(NoticeOfKill(spec, std::nullopt, std::nullopt),
              AllOf(HasSubstr("most likely the kernel"), HasSubstr("dmesg")));
  EXPECT_THAT(NoticeOfKill(spec, 2, 2),
              AllOf(HasSubstr("which somebody else sent"),
                    Not(HasSubstr("host_memory"))));
}

TEST_F(SupervisorTest, GivesUpAfterQuickFailuresWithTheLogsTail) {
  ASSERT_TRUE(
      supervisor_.Start(Spec("stage0", "echo no device here; exit 75")).ok());
  const absl::Status status = PollUntilFailure();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("stage0 exited with code 75"),
                    HasSubstr("after 3 failures"), HasSubstr("stage0.log"),
                    HasSubstr("    no device here")));
  EXPECT_EQ(supervisor_.RestartsOf("stage0"), 2);
  EXPECT_EQ(supervisor_.PidOf("stage0"), std::nullopt);
}

struct FinalExitCase {
  int code;
  absl::StatusCode status;
};

class FinalExitTest : public SupervisorTest,
                      public ::testing::WithParamInterface<FinalExitCase> {};

TEST_P(FinalExitTest, IsNotRestarted) {
  const std::string script =
      "echo why >&2; exit " + std::to_string(GetParam().code);
  ASSERT_TRUE(supervisor_.Start(Spec("coordinator", script)).ok());
  const absl::Status status = PollUntilFailure();
  EXPECT_EQ(status.code(), GetParam().status) << status;
  EXPECT_THAT(status.message(), HasSubstr("    why"));
  EXPECT_EQ(supervisor_.RestartsOf("coordinator"), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Codes, FinalExitTest,
    ::testing::Values(FinalExitCase{2, absl::StatusCode::kFailedPrecondition},
                      FinalExitCase{3, absl::StatusCode::kInvalidArgument},
                      FinalExitCase{69,
                                    absl::StatusCode::kFailedPrecondition}));

TEST_F(SupervisorTest, AChildThatSomebodyStoppedIsStartedAgain) {
  ASSERT_TRUE(supervisor_
                  .Start(Spec("stage1", "trap 'exit 0' TERM; : > " +
                                            directory_.Path("ready") +
                                            "; while :; do sleep 0.02; done"))
                  .ok());
  ASSERT_TRUE(
      EventuallyTrue([&] { return ReadFile(directory_.Path("ready")).ok(); }));
  ASSERT_EQ(kill(*supervisor_.PidOf("stage1"), SIGTERM), 0);
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(supervisor_.Poll().ok());
    return supervisor_.RestartsOf("stage1") == 1;
  }));
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_THAT(notices_[0], HasSubstr("stage1 exited with code 0; starting"));
}

TEST_F(SupervisorTest, AHungChildIsKilledAndStartedAgain) {
  ASSERT_TRUE(supervisor_.Start(Spec("stage0", "exec sleep 60")).ok());
  const pid_t first = *supervisor_.PidOf("stage0");
  ASSERT_EQ(kill(first, SIGSTOP), 0);
  supervisor_.KillChild("stage0", "hangs", /*worked=*/true);
  supervisor_.KillChild("stage0", "is killed twice", /*worked=*/false);
  supervisor_.KillChild("nobody", "is unknown", /*worked=*/true);
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(supervisor_.Poll().ok());
    return supervisor_.RestartsOf("stage0") == 1;
  }));
  EXPECT_FALSE(IsRunning(first));
  ASSERT_THAT(notices_, SizeIs(1));
  EXPECT_THAT(notices_[0], HasSubstr("stage0 hangs and was killed; starting"));
}

// `quick` is zero: only the kills of a child that never worked count.
TEST_F(SupervisorTest, AChildThatHangsAtEveryStartIsGivenUp) {
  for (const bool worked : {false, true}) {
    Supervisor hasty(ChildRestartPolicy{.initial_delay = absl::Milliseconds(1),
                                        .max_delay = absl::Milliseconds(1),
                                        .quick = absl::ZeroDuration(),
                                        .max_quick_failures = 3},
                     [](const std::string&) {});
    ASSERT_TRUE(hasty.Start(Spec("stage0", "exec sleep 60")).ok());
    absl::Status status;
    EXPECT_TRUE(EventuallyTrue([&] {
      hasty.KillChild("stage0", "did not join", worked);
      status = hasty.Poll();
      return !status.ok() || hasty.RestartsOf("stage0") >= 4;
    }));
    EXPECT_EQ(status.ok(), worked) << status;
  }
}

TEST_F(SupervisorTest, ARunThatLastedStartsTheCountAgain) {
  Supervisor patient(ChildRestartPolicy{.initial_delay = absl::Milliseconds(1),
                                        .max_delay = absl::Milliseconds(1),
                                        .quick = absl::ZeroDuration(),
                                        .max_quick_failures = 2},
                     [](const std::string&) {});
  ASSERT_TRUE(patient.Start(Spec("stage0", "exit 75")).ok());
  // No run is quick, so it is never given up.
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_TRUE(patient.Poll().ok());
    return patient.RestartsOf("stage0") >= 5;
  }));
}

// Killed again and again, each time soon after it got further.
TEST_F(SupervisorTest, ProgressStartsTheCountAgain) {
  ASSERT_TRUE(supervisor_.Start(Spec("stage0", "exec sleep 60")).ok());
  const auto kill_and_poll = [&] {
    const int restarts = supervisor_.RestartsOf("stage0");
    EXPECT_EQ(kill(*supervisor_.PidOf("stage0"), SIGKILL), 0);
    absl::Status status;
    EXPECT_TRUE(EventuallyTrue([&] {
      status = supervisor_.Poll();
      return !status.ok() || supervisor_.RestartsOf("stage0") > restarts;
    }));
    return status;
  };
  for (int i = 0; i < 5; ++i) {
    const absl::Status status = kill_and_poll();
    ASSERT_TRUE(status.ok()) << status;
    supervisor_.NoteProgress();
  }
  EXPECT_TRUE(kill_and_poll().ok());
  EXPECT_TRUE(kill_and_poll().ok());
  EXPECT_THAT(kill_and_poll().message(), HasSubstr("after 3 failures"));
}

TEST_F(SupervisorTest, ProgressBeforeItsDeathIsNoneOfAChildThatIsDown) {
  ASSERT_TRUE(supervisor_.Start(Spec("stage0", "exit 75")).ok());
  absl::Status status;
  EXPECT_TRUE(EventuallyTrue([&] {
    status = supervisor_.Poll();
    if (!supervisor_.PidOf("stage0").has_value()) supervisor_.NoteProgress();
    return !status.ok() || supervisor_.RestartsOf("stage0") > 5;
  }));
  EXPECT_THAT(status.message(), HasSubstr("after 3 failures"));
}

TEST_F(SupervisorTest, StopAsksFirst) {
  const std::string mark = directory_.Path("mark");
  // `ready` shows that the trap is set.
  const std::string ready = directory_.Path("ready");
  ASSERT_TRUE(supervisor_
                  .Start(Spec("stage0", "trap 'echo saved > " + mark +
                                            "; exit 0' TERM; : > " + ready +
                                            "; while :; do sleep 0.02; done"))
                  .ok());
  ASSERT_TRUE(EventuallyTrue([&] { return ReadFile(ready).ok(); }));
  supervisor_.Stop(absl::Seconds(10));
  EXPECT_EQ(*ReadFile(mark), "saved\n");
  EXPECT_EQ(supervisor_.PidOf("stage0"), std::nullopt);
}

TEST_F(SupervisorTest, StopKillsWhatDoesNotListen) {
  const std::string ready = directory_.Path("ready");
  ASSERT_TRUE(supervisor_
                  .Start(Spec("stage0", "trap '' TERM; : > " + ready +
                                            "; while :; do sleep 0.02; done"))
                  .ok());
  ASSERT_TRUE(EventuallyTrue([&] { return ReadFile(ready).ok(); }));
  const pid_t pid = *supervisor_.PidOf("stage0");
  const absl::Time start = absl::Now();
  supervisor_.Stop(absl::Milliseconds(50));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_FALSE(IsRunning(pid));
}

TEST_F(SupervisorTest, StoppedChildrenDoNotComeBack) {
  ASSERT_TRUE(supervisor_.Start(Spec("stage0", "exec sleep 60")).ok());
  supervisor_.Kill();
  absl::SleepFor(absl::Milliseconds(30));
  EXPECT_TRUE(supervisor_.Poll().ok());
  EXPECT_EQ(supervisor_.PidOf("stage0"), std::nullopt);
}

TEST(TailOfFileTest, KeepsTheLastLines) {
  const TestDirectory directory;
  EXPECT_EQ(TailOfFile(directory.Path("none"), 3), "");
  const std::string path = directory.Write("log", "a\nb\n\nc\nd\n");
  EXPECT_EQ(TailOfFile(path, 2), "    c\n    d\n");
  EXPECT_EQ(TailOfFile(path, 9), "    a\n    b\n    c\n    d\n");
}

}  // namespace
}  // namespace halfpipe
