#include "coordinator/page/job_files.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::SizeIs;

// An output folder with a LoRA, a checkpoint with another, and what is not
// offered; beside it a folder with a file that is nobody's business here.
class JobFilesTest : public ::testing::Test {
 protected:
  JobFilesTest() {
    fs::remove_all(root_);
    fs::create_directories(out_ + "/step-00000002");
    fs::create_directories(root_ + "/other");
    Write(out_ + "/lora.diffsynth.safetensors", "final");
    Write(out_ + "/step-00000002/lora.comfyui.safetensors", "at two");
    Write(out_ + "/step-00000002/stage0.safetensors", "weights");
    Write(root_ + "/other/lora.secret.safetensors", "secret");
    job_.checkpoints = {{2, out_ + "/step-00000002"}};
    job_.steps_done = 4;
  }

  static void Write(const std::string& path, const std::string& content) {
    std::ofstream(path) << content;
  }

  // Of the file that is offered under this name now.
  absl::StatusOr<std::string> Read(const std::string& name, int64_t offset = 0,
                                   size_t most = 100) {
    for (const OfferedFolder& folder : OfferFiles(job_, out_)) {
      for (const OfferedFile& file : folder.files) {
        if (file.name == name) {
          return ReadOfferedFile(out_, file, offset, most);
        }
      }
    }
    return absl::NotFoundError("it is not offered");
  }

  const std::string root_ = ::testing::TempDir() + "/job_files_test";
  const std::string out_ = root_ + "/out";
  Job job_;
};

TEST_F(JobFilesTest, OffersTheLorasAlone) {
  const auto folders = OfferFiles(job_, out_);
  ASSERT_THAT(folders, SizeIs(2));
  EXPECT_EQ(folders[0].path, out_);
  ASSERT_THAT(folders[0].files, SizeIs(1));
  EXPECT_EQ(folders[0].files[0].name, "lora.diffsynth.safetensors");
  EXPECT_EQ(folders[0].files[0].bytes, 5);
  EXPECT_EQ(folders[1].steps_done, 2);
  ASSERT_THAT(folders[1].files, SizeIs(1));
  EXPECT_EQ(folders[1].files[0].name, "step-00000002/lora.comfyui.safetensors");
  EXPECT_EQ(*Read("lora.diffsynth.safetensors"), "final");
  EXPECT_EQ(*Read("step-00000002/lora.comfyui.safetensors", 3), "two");
  EXPECT_EQ(*Read("step-00000002/lora.comfyui.safetensors", 0, 2), "at");
  EXPECT_TRUE(
      absl::IsOutOfRange(Read("lora.diffsynth.safetensors", 5).status()));
}

TEST_F(JobFilesTest, FollowsNoLinkAndNothingUp) {
  fs::create_symlink(root_ + "/other/lora.secret.safetensors",
                     out_ + "/lora.link.safetensors");
  fs::create_directory_symlink(root_ + "/other", out_ + "/step-00000003");
  job_.checkpoints.push_back({3, out_ + "/step-00000003"});
  job_.checkpoints.push_back({4, out_ + "/../other"});
  job_.checkpoints.push_back({5, root_ + "/other"});
  const auto folders = OfferFiles(job_, out_);
  ASSERT_THAT(folders, SizeIs(5));
  EXPECT_THAT(folders[0].files, SizeIs(1));
  for (size_t i = 1; i <= 3; ++i) {
    EXPECT_THAT(folders[i].files, IsEmpty()) << folders[i].path;
  }
  const OfferedFile secret{.name = "", .bytes = 6, .changed_ns = 0};
  for (const char* name :
       {"lora.link.safetensors", "step-00000003/lora.secret.safetensors",
        "../other/lora.secret.safetensors", "step-00000002/stage0.safetensors",
        "../other", "", "/"}) {
    OfferedFile asked = secret;
    asked.name = name;
    EXPECT_TRUE(absl::IsNotFound(ReadOfferedFile(out_, asked, 0, 100).status()))
        << name;
  }
}

TEST_F(JobFilesTest, APipeIsNoFile) {
  const std::string pipe = out_ + "/lora.pipe.safetensors";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(OfferFiles(job_, out_)[0].files, SizeIs(1));
}

TEST_F(JobFilesTest, AFileThatIsWrittenAnewIsAnother) {
  const OfferedFile file = OfferFiles(job_, out_)[0].files[0];
  Write(out_ + "/" + file.name, "longer");
  EXPECT_TRUE(absl::IsAborted(ReadOfferedFile(out_, file, 0, 9).status()));
  fs::remove(out_ + "/" + file.name);
  EXPECT_TRUE(absl::IsNotFound(ReadOfferedFile(out_, file, 0, 9).status()));
}

TEST_F(JobFilesTest, WithoutTheFolderThereAreItsPaths) {
  fs::remove_all(out_);
  const auto folders = OfferFiles(job_, out_);
  ASSERT_THAT(folders, SizeIs(2));
  EXPECT_THAT(folders[0].files, IsEmpty());
  EXPECT_EQ(folders[1].path, out_ + "/step-00000002");
}

}  // namespace
}  // namespace halfpipe
