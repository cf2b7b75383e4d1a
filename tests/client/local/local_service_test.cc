#include "client/local/local_service.h"

#include <signal.h>
#include <sys/stat.h>

#include <string>

#include "absl/time/clock.h"
#include "client/client_test_support.h"
#include "client/jobs/job_file.h"
#include "client/jobs/signal_watch.h"
#include "client/local/private_directory.h"
#include "client/local/stage_pair.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LocalServiceTest : public ::testing::Test {
 protected:
  LocalServiceOptions Options() {
    LocalServiceOptions options;
    options.program_dir = directory_.Path("");
    options.state_dir = directory_.Path("state");
    options.log_dir = directory_.Path("logs");
    options.stages = 1;
    options.start_timeout = absl::Milliseconds(300);
    options.on_notice = [](const std::string&) {};
    return options;
  }

  TestDirectory directory_;
};

TEST_F(LocalServiceTest, MissingProgramsAreABrokenInstallation) {
  const auto service = LocalService::Start(Options());
  EXPECT_EQ(service.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(service.status().message(), HasSubstr("halfpipe-coordinator"));
}

TEST_F(LocalServiceTest, ACoordinatorThatRefusesItsConfigIsNotRetried) {
  directory_.WriteProgram("halfpipe-coordinator", "echo bad state; exit 3");
  directory_.WriteProgram("halfpipe-stage0", "exec sleep 60");
  LocalServiceOptions options = Options();
  options.start_timeout = absl::Seconds(10);
  const auto service = LocalService::Start(options);
  EXPECT_EQ(service.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(service.status().message(), HasSubstr("    bad state"));
}

TEST_F(LocalServiceTest, ASilentCoordinatorIsNamedInTime) {
  directory_.WriteProgram("halfpipe-coordinator",
                          "echo args: \"$@\"; exec sleep 60");
  directory_.WriteProgram("halfpipe-stage0",
                          "echo args: \"$@\"; exec sleep 60");
  const absl::Time start = absl::Now();
  const auto service = LocalService::Start(Options());
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_EQ(service.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(service.status().message(),
              AllOf(HasSubstr("does not answer"), HasSubstr("args:")));
  const auto stage_log = ReadFile(directory_.Path("logs/stage0.log"));
  ASSERT_TRUE(stage_log.ok()) << stage_log.status();
  EXPECT_THAT(*stage_log, HasSubstr("--pair default --device auto"));
}

TEST_F(LocalServiceTest, AnEarlierCommandsLogIsPutAside) {
  directory_.WriteProgram("halfpipe-coordinator", "echo new; exit 3");
  directory_.WriteProgram("halfpipe-stage0", "exec sleep 60");
  ASSERT_TRUE(MakeDirectories(directory_.Path("logs")).ok());
  (void)directory_.Write("logs/coordinator.log", "old\n");
  EXPECT_FALSE(LocalService::Start(Options()).ok());
  EXPECT_EQ(*ReadFile(directory_.Path("logs/coordinator.log")), "new\n");
  EXPECT_EQ(*ReadFile(directory_.Path("logs/coordinator.log.1")), "old\n");
}

TEST(PrivateDirectoryTest, IsPrivateAndGoesAway) {
  std::string path;
  {
    const auto directory = PrivateDirectory::Create("halfpipe-test");
    ASSERT_TRUE(directory.ok()) << directory.status();
    path = directory->path();

    struct stat info {};

    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    ASSERT_TRUE(WriteFileAtomically(path + "/file", "x").ok());
  }
  EXPECT_EQ(ReadFile(path + "/file").status().code(),
            absl::StatusCode::kNotFound);
}

// Sockets lie in it, whose names are short and plain.
TEST(PrivateDirectoryTest, PassesOverATmpdirThatNoSocketFitsInto) {
  const char* before = getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  for (const std::string& name :
       {std::string("my files"), std::string("\xc3\xbc"),
        std::string("caf\xe9"), std::string(70, 'a')}) {
    const std::string parent = ::testing::TempDir() + name;
    ASSERT_TRUE(MakeDirectories(parent).ok());
    setenv("TMPDIR", parent.c_str(), 1);
    const auto directory = PrivateDirectory::Create("halfpipe-test");
    ASSERT_TRUE(directory.ok()) << directory.status();
    EXPECT_THAT(directory->path(), ::testing::StartsWith("/tmp/halfpipe-"));
  }
  if (kept.empty()) {
    unsetenv("TMPDIR");
  } else {
    setenv("TMPDIR", kept.c_str(), 1);
  }
}

TEST(JobFileTest, WhatIsNotUtf8IsNamedWithItsFileAndLine) {
  const TestDirectory directory;
  const std::string yaml = ValidJobYaml("out");
  const std::string path = directory.Write("a.yaml", "# caf\xe9\n" + yaml);
  const absl::Status remark = LoadJobFile(path).status();
  EXPECT_EQ(remark.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(remark.message()),
              ::testing::StartsWith(path + ":1: byte 0xE9 is not UTF-8"));
  // A file whose own name is Latin-1 is fine; its folder's name is sent.
  const auto odd = LoadJobFile(directory.Write("caf\xe9.yaml", yaml));
  ASSERT_TRUE(odd.ok()) << odd.status();
  EXPECT_THAT(SpecFor(*odd).file_name, ::testing::EndsWith("caf\\xE9.yaml"));
  ASSERT_TRUE(MakeDirectories(directory.Path("caf\xe9")).ok());
  const absl::Status folder =
      LoadJobFile(directory.Write("caf\xe9/a.yaml", yaml)).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.message()),
              ::testing::HasSubstr("caf\\xE9 has a name that is not UTF-8"));
}

TEST(JobFileTest, SameContentSameIdAndPathsAreResolved) {
  const TestDirectory directory;
  const std::string yaml = ValidJobYaml("out");
  const auto first = LoadJobFile(directory.Write("a.yaml", yaml));
  const auto second = LoadJobFile(directory.Write("b.yaml", yaml + "# more\n"));
  const auto third =
      LoadJobFile(directory.Write("c.yaml", yaml + "lora: {rank: 8}\n"));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok() && third.ok());
  EXPECT_EQ(first->config.output.dir, directory.Path("out"));
  EXPECT_THAT(JobIdFor(first->config), ::testing::StartsWith("test-job-"));
  EXPECT_EQ(JobIdFor(first->config), JobIdFor(second->config));
  EXPECT_NE(JobIdFor(first->config), JobIdFor(third->config));
  const JobSpec spec = SpecFor(*first);
  EXPECT_EQ(spec.base_dir + "/out", directory.Path("out"));
  EXPECT_EQ(spec.config_yaml, yaml);
}

class StagePairTest : public ::testing::Test {
 protected:
  absl::StatusOr<ExitCode> Run(int stages) {
    StagePairOptions options;
    options.program_dir = directory_.Path("");
    options.stages = stages;
    options.arguments = {"verify", "--golden", "g"};
    options.grace = absl::Milliseconds(200);
    return RunStagePair(options, signals_, err_);
  }

  TestDirectory directory_;
  SignalWatch signals_ = *SignalWatch::Create();
  std::ostringstream err_;
};

TEST_F(StagePairTest, OneStageGetsTheOptionsAndDecides) {
  directory_.WriteProgram("halfpipe-stage0",
                          "[ \"$*\" = 'verify --golden g' ] && exit 1; exit 9");
  EXPECT_EQ(*Run(1), ExitCode::kJobFailed);
}

TEST_F(StagePairTest, TwoStagesShareALinkFolder) {
  directory_.WriteProgram("halfpipe-stage0",
                          "[ -d \"$5\" ] || exit 9\n"
                          "while [ ! -e \"$5/hello\" ]; do sleep 0.01; done\n"
                          "exit 3");
  directory_.WriteProgram("halfpipe-stage1", ": > \"$5/hello\"");
  EXPECT_EQ(*Run(2), ExitCode::kInvalidInput);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(StagePairTest, ADeadStage1DoesNotHangStage0) {
  directory_.WriteProgram("halfpipe-stage0", "exec sleep 60");
  directory_.WriteProgram("halfpipe-stage1", "echo no such tensor; exit 3");
  const absl::Time start = absl::Now();
  EXPECT_EQ(*Run(2), ExitCode::kInvalidInput);
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("stage1 exited with code 3"),
                                HasSubstr("    no such tensor")));
}

TEST_F(StagePairTest, AKilledStage0IsAFailureNotADifferenceInStatus) {
  directory_.WriteProgram("halfpipe-stage0", "kill -9 $$");
  EXPECT_EQ(*Run(1), ExitCode::kJobFailed);
  EXPECT_THAT(err_.str(), HasSubstr("stage0 was killed by signal 9"));
}

TEST_F(StagePairTest, AnInterruptKillsBoth) {
  directory_.WriteProgram("halfpipe-stage0", "exec sleep 60");
  directory_.WriteProgram("halfpipe-stage1", "exec sleep 60");
  ASSERT_EQ(pthread_kill(pthread_self(), SIGINT), 0);
  EXPECT_EQ(*Run(2), ExitCode::kInterrupted);
}

TEST_F(StagePairTest, AMissingProgramIsInternal) {
  EXPECT_EQ(Run(1).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace halfpipe
