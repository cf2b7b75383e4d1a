#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class DoctorCommandTest : public ::testing::Test {
 protected:
  DoctorCommandTest() {
    // Nobody answers at the service's address.
    FakeTrainingClient client;
    client.status = absl::UnavailableError("no service");
    environment_ = ServiceOf(client);
    environment_.program_dir = directory_.Path("");
  }

  void AddPrograms(const std::string& probe) {
    for (const char* name :
         {"halfpipe-coordinator", "halfpipe-stage1", "halfpipe-decode"}) {
      directory_.WriteProgram(name, "exit 0");
    }
    directory_.WriteProgram("halfpipe-stage0",
                            absl::StrCat("echo '", probe, "'"));
  }

  CliResult Doctor(std::vector<const char*> more) {
    const std::string disk = directory_.Path("");
    std::vector<const char*> arguments = {"doctor", "--disk", disk.c_str(),
                                          "--disk-mib", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCli(arguments, environment_);
  }

  const TestDirectory directory_;
  CommandEnvironment environment_;
};

TEST_F(DoctorCommandTest, NamesEverythingItLookedAt) {
  AddPrograms(R"({"schema":1,"torch":"2.11.0","gpus":[]})");
  const CliResult result = Doctor({"-o", "json"});
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.out << result.err;
  std::string subjects;
  for (const auto& finding : json["findings"]) {
    absl::StrAppend(&subjects, finding["subject"].get<std::string>(), ";");
    const std::string verdict = finding["verdict"];
    if (verdict == "warn" || verdict == "FAIL") {
      EXPECT_NE(finding["advice"], "") << finding;
    }
  }
  for (const char* subject :
       {"system;", "halfpipe;", "programs;", "driver;", "pci", "libraries;",
        "gpus;", "locked memory;", "host memory;", "shared memory;",
        "port 50700;", "port 9700;", "disk;", "clock;"}) {
    EXPECT_THAT(subjects, HasSubstr(subject));
  }
}

TEST_F(DoctorCommandTest, WorksWithoutAGpuAndSaysSo) {
  AddPrograms(R"({"schema":1,"gpus":[]})");
  const CliResult result = Doctor({});
  EXPECT_THAT(result.out, HasSubstr("no GPU can be used"));
  EXPECT_THAT(result.out, HasSubstr("-> "));
}

TEST_F(DoctorCommandTest, AFailureIsItsExitCode) {
  AddPrograms("not JSON");
  const CliResult result = Doctor({});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("FAIL  stage"));
}

TEST_F(DoctorCommandTest, MissingProgramsAreAWarning) {
  const CliResult result = Doctor({});
  EXPECT_THAT(result.out, HasSubstr("halfpipe-stage0, halfpipe-stage1"));
}

}  // namespace
}  // namespace halfpipe
