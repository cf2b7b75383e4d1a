
#include <string>

#include "absl/strings/str_cat.h"
#include "client/client_test_support.h"
#include "client/jobs/job_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\n";

TEST(JobFilePathsTest, WhatIsNamedIsLookedAt) {
  const TestDirectory directory;
  (void)directory.Write("dit.safetensors", kPointer);
  (void)directory.Write("t5.safetensors", "<html>404</html>");
  (void)directory.Write("pieces.model", "");
  (void)directory.Write("a.txt", "a caption without its clip");
  const std::string yaml = absl::StrCat(
      "model: {dit: dit.safetensors, text_encoder: t5.safetensors,\n"
      "        tokenizer: pieces.model, vae: none.pth}\n"
      "data: {path: .}\nlora: {init_from: lora.safetensors}\n");
  EXPECT_THAT(
      ProblemsOfNamedFiles(yaml, directory.Path("")),
      ElementsAre(
          AllOf(HasSubstr("model.dit: "), HasSubstr("Git LFS pointer")),
          AllOf(HasSubstr("lora.init_from: "), HasSubstr("does not exist")),
          AllOf(HasSubstr("model.tokenizer: "), HasSubstr("is empty")),
          AllOf(HasSubstr("model.text_encoder: "), HasSubstr("is a web page")),
          AllOf(HasSubstr("model.vae: "), HasSubstr("does not exist")),
          HasSubstr("a.txt")));
}

TEST(JobFilePathsTest, KeysThatAreNotThereHaveNoSay) {
  EXPECT_THAT(ProblemsOfNamedFiles("name: x\n", "/"), IsEmpty());
  EXPECT_THAT(ProblemsOfNamedFiles("[no: mapping", "/"), IsEmpty());
  EXPECT_THAT(ProblemsOfNamedFiles("", "/"), IsEmpty());
  // Made-up samples need no encoders.
  EXPECT_THAT(ProblemsOfNamedFiles(
                  "data: {random: {samples: 3}}\nmodel: {vae: /none}\n", "/"),
              IsEmpty());
}

TEST(JobFilePathsTest, TheJobFilesOwnProblemsComeFirst) {
  const TestDirectory directory;
  (void)directory.Write("vae.pth", kPointer);
  const std::string job = directory.Write(
      "job.yaml",
      "nmae: x\nmodel: {dit: none, vae: vae.pth}\ntrain: {steps: many}\n");
  const absl::Status plain = LoadJobFile(job).status();
  const absl::Status local = LoadLocalJobFile(job).status();
  EXPECT_TRUE(absl::IsInvalidArgument(local)) << local;
  EXPECT_EQ(local.message().substr(0, plain.message().size()), plain.message());
  EXPECT_THAT(std::string(local.message()),
              AllOf(HasSubstr("job.yaml:2: model.dit: "),
                    HasSubstr("vae.pth is a Git LFS pointer")));
  EXPECT_THAT(std::string(plain.message()), Not(HasSubstr("pointer")));
}

TEST(JobFilePathsTest, EveryPathThatLeadsNowhereIsNamedWithItsLine) {
  const TestDirectory directory;
  (void)directory.Write("t5.pth", kPointer);
  const std::string job = directory.Write(
      "job.yaml",
      "name: x\nmodel:\n  dit: none.safetensors\n  text_encoder: t5.pth\n"
      "  tokenizer: no-tokenizer\n  vae: no-vae.pth\n"
      "data: {path: no-clips, height: 64, width: 64, frames: 5}\n"
      "output: {dir: out}\ntrain: {steps: 3}\n");
  const auto file = LoadLocalJobFile(job);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = CheckNamedFilesAreThere(*file);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("job.yaml:3: model.dit: "),
            HasSubstr("job.yaml:4: model.text_encoder: "),
            HasSubstr("job.yaml:5: model.tokenizer: "),
            HasSubstr("job.yaml:6: model.vae: "),
            HasSubstr("job.yaml:7: data.path: "), HasSubstr("does not exist"),
            HasSubstr("t5.pth is a Git LFS pointer")));
}

TEST(JobFilePathsTest, AGoodJobFileIsLeftToTheStages) {
  const TestDirectory directory;
  const std::string job =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  EXPECT_EQ(LoadLocalJobFile(job).status(), LoadJobFile(job).status());
  EXPECT_TRUE(CheckNamedFilesAreThere(*LoadJobFile(job)).ok());
}

}  // namespace
}  // namespace halfpipe
