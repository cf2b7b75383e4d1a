#include "common/auth/tls_files.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/time/clock.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() : directory_(NewDirectory()), authority_(directory_, "ca") {
    files_ = authority_.Issue("server");
  }

  static std::string NewDirectory() {
    std::string path = ::testing::TempDir() + "/tls_files_test";
    std::filesystem::create_directories(path);
    return path;
  }

  // Expects a complaint that holds both texts.
  void ExpectProblem(const std::string& first, const std::string& second) {
    const absl::Status status = CheckTlsFiles(files_, absl::Now());
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), AllOf(HasSubstr(first), HasSubstr(second)));
  }

  const std::string directory_;
  const TestAuthority authority_;
  TlsFiles files_;
};

TEST_F(TlsFilesTest, TakesGoodOnesAndNone) {
  EXPECT_TRUE(CheckTlsFiles({}, absl::Now()).ok());
  EXPECT_TRUE(CheckTlsFiles({.ca = files_.ca}, absl::Now()).ok());
  const absl::Status status = CheckTlsFiles(files_, absl::Now());
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(TlsFilesTest, NamesTheFileThatIsMissing) {
  files_.key.clear();
  ExpectProblem(files_.certificate, "without its key");
  files_ = authority_.Issue("server");
  files_.certificate.clear();
  ExpectProblem(files_.key, "without its certificate");
  files_ = authority_.Issue("server");
  files_.certificate = directory_ + "/nowhere.crt";
  ExpectProblem("nowhere.crt", "cannot open");
}

TEST_F(TlsFilesTest, NamesTheFileThatIsBroken) {
  const std::string broken = directory_ + "/broken.pem";
  ASSERT_TRUE(WriteFileAtomically(broken, "-----BEGIN NOTHING-----\n").ok());
  const TlsFiles good = files_;
  files_.certificate = broken;
  ExpectProblem("the certificate " + broken, "PEM");
  files_ = good;
  files_.key = broken;
  ExpectProblem("the key " + broken, "PEM");
  files_ = good;
  files_.ca = broken;
  ExpectProblem("the CA certificates " + broken, "PEM");
}

TEST_F(TlsFilesTest, KnowsWhichKeyBelongsToWhichCertificate) {
  files_.key = authority_.Issue("other").key;
  ExpectProblem(files_.key, "is not that of the certificate");
}

TEST_F(TlsFilesTest, KeysAreKeptFromEverybody) {
  ASSERT_EQ(chmod(files_.key.c_str(), 0644), 0);
  ExpectProblem(files_.key, "chmod 640");
  ASSERT_EQ(chmod(files_.key.c_str(), 0604), 0);
  ExpectProblem(files_.key, "chmod 600");
  ASSERT_EQ(chmod(files_.key.c_str(), 0640), 0);  // only a warning
  EXPECT_TRUE(CheckTlsFiles(files_, absl::Now()).ok());
}

TEST_F(TlsFilesTest, KnowsWhenACertificateIsValid) {
  files_ = authority_.Issue("old", absl::Now() - absl::Minutes(1));
  ExpectProblem(files_.certificate, "has expired");
  files_ = authority_.Issue("young", absl::Now() + absl::Hours(2),
                            absl::Now() + absl::Hours(1));
  ExpectProblem(files_.certificate, "is not valid yet");
}

}  // namespace
}  // namespace halfpipe
