// The main() of every test program. What a stage program sets before it
// computes is set here too, so that tests see the bits that jobs get; and each
// run has a folder of its own for temporary files, so that two checkouts, two
// users and two runs side by side do not meet in /tmp.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/broken_pipe.h"
#include "common/base/cpu_arithmetic.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// What a user or a service manager may have set for the programs, not for their
// tests. What updates a test's files stays.
void ForgetSettings() {
  std::vector<std::string> names = {"JOURNAL_STREAM", "NOTIFY_SOCKET",
                                    "WATCHDOG_PID", "WATCHDOG_USEC"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name(*entry, strcspn(*entry, "="));
    if (absl::StartsWith(name, "HALFPIPE_") &&
        !absl::StartsWith(name, "HALFPIPE_UPDATE_")) {
      names.push_back(name);
    }
  }
  for (const std::string& name : names) unsetenv(name.c_str());
  umask(022);
}

// Whether tests may put the folder's name into a socket's, which has 108 bytes,
// and into scripts and job files as it is.
bool IsShortAndPlain(const std::string& folder) {
  constexpr size_t kLongest = 60;
  return folder.size() <= kLongest &&
         std::all_of(folder.begin(), folder.end(), [](char c) {
           return absl::ascii_isalnum(c) || std::strchr("/._-", c) != nullptr;
         });
}

// Below the folder that the user or gtest names. Goes away with the process.
class OwnTempFolder {
 public:
  OwnTempFolder() {
    const std::string parent = testing::TempDir();
    std::string path =
        (IsShortAndPlain(parent) ? parent : "/tmp/") + "hp-test-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      std::perror(path.c_str());
      std::exit(EXIT_FAILURE);
    }
    path_ = path;
    for (const char* variable : {"TEST_TMPDIR", "TMPDIR"}) {
      setenv(variable, path.c_str(), /*overwrite=*/1);
    }
  }

  ~OwnTempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  OwnTempFolder(const OwnTempFolder&) = delete;
  OwnTempFolder& operator=(const OwnTempFolder&) = delete;

 private:
  std::string path_;
};

int Main(int argc, char** argv) {
  IgnoreBrokenPipes();  // as every program does
  ForgetSettings();
  const absl::Status mode = UseReproducibleProducts();
  if (!mode.ok()) {
    std::fprintf(stderr, "%s\n", std::string(mode.message()).c_str());
    return EXIT_FAILURE;
  }
  testing::InitGoogleMock(&argc, argv);
  const OwnTempFolder folder;
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
