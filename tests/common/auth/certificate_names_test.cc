#include <filesystem>
#include <fstream>

#include "common/auth/tls_files.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

TEST(CertificateNamesTest, CoversWhatTheCertificateIsFor) {
  const std::string directory = ::testing::TempDir() + "/certificate_names";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const auto names = CertificateNames::Read(authority.Issue("a").certificate);
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_TRUE(names->Cover("localhost"));
  EXPECT_FALSE(names->Cover("localhost.evil.example"));
  EXPECT_FALSE(names->Cover("evil.example"));
  EXPECT_FALSE(names->Cover(""));
  EXPECT_FALSE(names->Cover(".localhost"));
}

TEST(CertificateNamesTest, WhatHoldsNoneIsNamed) {
  const std::string path = ::testing::TempDir() + "/no_certificate.crt";
  std::ofstream(path) << "nothing\n";
  EXPECT_EQ(CertificateNames::Read(path).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(CertificateNames::Read("/nowhere.crt").ok());
}

}  // namespace
}  // namespace halfpipe
