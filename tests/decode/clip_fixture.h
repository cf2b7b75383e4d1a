// Tiny clips that the ffmpeg program makes while the test runs.
#ifndef HP_TESTS_DECODE_CLIP_FIXTURE_H_
#define HP_TESTS_DECODE_CLIP_FIXTURE_H_

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/data/temporary_folder.h"
#include "gtest/gtest.h"
#include "stage/data/decoder_client.h"

namespace halfpipe {

class ClipTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("ffmpeg -version > /dev/null 2>&1") != 0) {
      GTEST_SKIP() << "the ffmpeg program is not installed; it makes the clips "
                      "that this test decodes";
    }
  }

  // Runs `ffmpeg ARGUMENTS NAME` in the folder; returns the file's path.
  std::string Make(const std::string& arguments, const std::string& name) {
    std::string command =
        absl::StrCat("cd ", folder_.path(), " && ffmpeg -nostdin -y -loglevel ",
                     "error ", arguments, " ", name);
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return folder_ / name;
  }

  // A moving test picture as H.264 in an mp4 that plays from the start.
  std::string MakeMp4(int frames, const std::string& name,
                      const std::string& size = "64x48",
                      const std::string& extra = "") {
    return Make(
        absl::StrCat("-f lavfi -i testsrc2=size=", size, ":rate=16 -frames:v ",
                     frames, " -pix_fmt yuv420p -movflags +faststart ", extra),
        name);
  }

  // The clip's frames as the ffmpeg program converts them to RGB.
  std::string RawRgb(const std::string& clip) {
    std::string raw = Make(absl::StrCat("-i ", clip,
                                        " -pix_fmt rgb24 -vsync passthrough "
                                        "-f rawvideo"),
                           "frames.raw");
    return *ReadFile(raw);
  }

  static DecoderClient Client(absl::Duration file_timeout = absl::Seconds(60)) {
    return DecoderClient({.program = HP_DECODER, .file_timeout = file_timeout});
  }

  static DecodeItem Item(const std::string& path, uint32_t frames,
                         uint32_t height = 48, uint32_t width = 64) {
    return {.path = path, .frames = frames, .height = height, .width = width};
  }

  static std::string Message(const absl::StatusOr<DecodedClip>& clip) {
    return clip.ok() ? "" : std::string(clip.status().message());
  }

  TemporaryFolder folder_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_DECODE_CLIP_FIXTURE_H_
