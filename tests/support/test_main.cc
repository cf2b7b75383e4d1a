// The main() of every test program. What a stage program sets before it
// computes is set here too, so that tests see the bits that jobs get; and each
// run has a folder of its own for testing::TempDir(), so that two checkouts,
// two users and two runs side by side do not meet in /tmp.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "common/base/cpu_arithmetic.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// Below the folder that the user or gtest names. Goes away with the process.
class OwnTempFolder {
 public:
  OwnTempFolder() {
    // A socket's name has 108 bytes, and tests put sockets there.
    constexpr size_t kLongestParent = 60;
    const std::string parent = testing::TempDir();
    std::string path =
        (parent.size() > kLongestParent ? "/tmp/" : parent) + "hp-test-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      std::perror(path.c_str());
      std::exit(EXIT_FAILURE);
    }
    path_ = path;
    setenv("TEST_TMPDIR", path.c_str(), /*overwrite=*/1);
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
