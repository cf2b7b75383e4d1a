#include "common/store/file_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab29\n"
    "size 9953412\n";

class FileFormTest : public testing::Test {
 protected:
  // What is said of a file with this content where `expected` should be.
  std::string Refusal(const std::string& content,
                      FileForm expected = FileForm::kSafetensors) {
    const absl::Status status =
        CheckFileForm(scratch_.Write("file", content), expected);
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status))
        << status;
    return MessageOf(status);
  }

  ScratchFolder scratch_;
};

TEST_F(FileFormTest, FilesThatCameWithoutTheirContent) {
  EXPECT_EQ(Refusal(kPointer),
            scratch_ / "file" +
                " is a Git LFS pointer, not the file itself; run `git lfs "
                "pull` there");
  EXPECT_THAT(Refusal(""), HasSubstr("is empty (0 bytes)"));
  EXPECT_THAT(Refusal(std::string(100'000, '\0')), HasSubstr("is all zeros"));
  EXPECT_THAT(Refusal(std::string(7, '\0')), HasSubstr("is all zeros"));
  for (const char* page :
       {"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
        "\n  <HTML><head>", "\xEF\xBB\xBF<html>",
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"}) {
    EXPECT_THAT(Refusal(page), HasSubstr("is a web page")) << page;
  }
  EXPECT_THAT(Refusal("{\"error\": \"Repository not found\"}"),
              HasSubstr("is JSON text, not the file itself"));
  EXPECT_THAT(Refusal("\xEF\xBB\xBF{\"error\": \"gone\"}"),
              HasSubstr("is JSON text"));
  // Such as an index of shards, or a tokenizer.json.
  EXPECT_THAT(DescribeFile(scratch_.Write("c.json", "{}")).text,
              HasSubstr("not the file that it lies beside; name that one"));
}

TEST_F(FileFormTest, FilesOfFormsThatAreNotRead) {
  EXPECT_THAT(Refusal("GGUF\x03..............."), HasSubstr("is a GGUF file"));
  EXPECT_THAT(Refusal("\x1F\x8B\x08 packed"), HasSubstr("unpack it first"));
  EXPECT_THAT(Refusal(std::string("7z\xBC\xAF\x27\x1C") + "..."),
              HasSubstr("unpack it first"));
  std::string tar(512, 'x');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(Refusal(tar), HasSubstr("unpack it first"));
  EXPECT_THAT(Refusal("\x89HDF\r\n"), HasSubstr("is an HDF5 file"));
}

TEST_F(FileFormTest, OneReadersFileUnderTheNameOfAnother) {
  const std::string header("\x02\0\0\0\0\0\0\0{}", 10);
  EXPECT_THAT(Refusal("PK\x03\x04...."),
              HasSubstr("is a file of torch.save, or another zip, not "
                        "safetensors: rename it to .pth"));
  EXPECT_THAT(Refusal("\x80\x02"
                      "ctorch"),
              HasSubstr("rename it to .pth"));
  EXPECT_THAT(Refusal(header, FileForm::kTorchZip),
              HasSubstr("is a safetensors file, not one of torch.save: rename "
                        "it to .safetensors"));
  EXPECT_THAT(Refusal(header, FileForm::kOther),
              HasSubstr("rename it to .safetensors"));
}

// The length of a header is a number, and may look like anything.
TEST_F(FileFormTest, ASafetensorsFileMayBeginLikeAnotherForm) {
  const std::string rest = std::string(6, '\0') + "{}";
  EXPECT_EQ(DescribeFile(scratch_.Write("a", "\x80\x02" + rest)).form,
            FileForm::kSafetensors);
  EXPECT_EQ(DescribeFile(scratch_.Write("b", "\x1F\x8B" + rest)).form,
            FileForm::kSafetensors);
}

TEST_F(FileFormTest, ItsOwnReaderFindsTheRest) {
  const std::string header("\x02\0\0\0\0\0\0\0{}", 10);
  EXPECT_EQ(CheckFileForm(scratch_.Write("a", header), FileForm::kSafetensors),
            absl::OkStatus());
  EXPECT_EQ(
      CheckFileForm(scratch_.Write("b", "PK\x03\x04"), FileForm::kTorchZip),
      absl::OkStatus());
  // The reader of torch's files knows what to do about their older form.
  EXPECT_EQ(CheckFileForm(scratch_.Write("c",
                                         "\x80\x02"
                                         "ctorch"),
                          FileForm::kTorchZip),
            absl::OkStatus());
  EXPECT_EQ(CheckFileForm(scratch_.Write("d", "anything else"),
                          FileForm::kSafetensors),
            absl::OkStatus());
}

TEST_F(FileFormTest, PathsThatLeadNowhere) {
  const absl::Status missing =
      CheckFileForm(scratch_ / "none", FileForm::kSafetensors);
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(MessageOf(missing),
              HasSubstr("none does not exist: no such file or folder; check"));
  EXPECT_THAT(DescribeFile(scratch_ / "a/b/none").text,
              HasSubstr("(there is " + scratch_.path() + ")"));
  EXPECT_THAT(DescribeFile(scratch_ / "~/none").text,
              HasSubstr("'~' is not expanded"));
  EXPECT_THAT(DescribeFile(scratch_ / "$HOME/none").text,
              HasSubstr("variables ('$') are not expanded"));
  // A file where a folder should be.
  scratch_.Write("file", "x");
  EXPECT_EQ(DescribeFile(scratch_ / "file/none").form, FileForm::kMissing);
  EXPECT_THAT(DescribeFile(scratch_.path()).text, HasSubstr("is a folder"));
  std::filesystem::create_symlink("../blobs/4d7a", scratch_ / "link");
  EXPECT_THAT(DescribeFile(scratch_ / "link").text,
              HasSubstr("is a link to ../blobs/4d7a, which does not exist"));
  std::filesystem::create_symlink("loop", scratch_ / "loop");
  EXPECT_THAT(DescribeFile(scratch_ / "loop").text,
              HasSubstr("is a link that leads back to itself"));
  EXPECT_THAT(DescribeFile(scratch_ / "loop/file").text,
              HasSubstr("is a link that leads back to itself"));
  ASSERT_EQ(mkfifo((scratch_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(DescribeFile(scratch_ / "pipe").text,
              HasSubstr("is not a regular file"));
}

TEST_F(FileFormTest, WithoutTheRightToRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::string path = scratch_.Write("locked", "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  EXPECT_EQ(DescribeFile(path).form, FileForm::kUnreadable);
  EXPECT_THAT(DescribeFile(path).text, HasSubstr("permission denied"));
}

TEST_F(FileFormTest, DownloadsThatHaveNotEnded) {
  EXPECT_THAT(DescribeFile(scratch_.Write("w.safetensors.part", "x")).text,
              HasSubstr("a download that has not ended"));
  // The file is not there yet, its download is.
  EXPECT_THAT(
      DescribeFile(scratch_ / "w.safetensors").text,
      HasSubstr("is not there, but " + (scratch_ / "w.safetensors.part")));
  // As huggingface_hub does.
  std::filesystem::create_directories(scratch_ / ".cache/huggingface/download");
  scratch_.Write(".cache/huggingface/download/vae.pth.4d7a21.incomplete", "x");
  EXPECT_THAT(DescribeFile(scratch_ / "vae.pth").text,
              HasSubstr("vae.pth.4d7a21.incomplete is: its download"));
  // aria2 gives the file its whole size at once.
  const std::string preallocated = scratch_.Write("t5.pth", "PK\x03\x04...");
  scratch_.Write("t5.pth.aria2", "notes");
  EXPECT_THAT(DescribeFile(preallocated).text,
              HasSubstr("is not downloaded completely (there is an .aria2"));
}

TEST_F(FileFormTest, AnyOtherFileOnlyNeedsItsContent) {
  EXPECT_EQ(CheckHasContent(scratch_.Write("a.mp4", "ftyp")), absl::OkStatus());
  EXPECT_EQ(CheckHasContent(scratch_.Write("b.mp4", "PK\x03\x04")),
            absl::OkStatus());
  EXPECT_THAT(MessageOf(CheckHasContent(scratch_.Write("c.mp4", kPointer))),
              HasSubstr("c.mp4 is a Git LFS pointer"));
  EXPECT_THAT(MessageOf(CheckHasContent(scratch_.Write("d.mp4", ""))),
              HasSubstr("d.mp4 is empty"));
  EXPECT_TRUE(absl::IsNotFound(CheckHasContent(scratch_ / "e.mp4")));
}

}  // namespace
}  // namespace halfpipe
