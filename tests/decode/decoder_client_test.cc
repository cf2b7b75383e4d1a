// How the client treats a child that crashes, hangs or lies.
#include "stage/data/decoder_client.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "decode/clip_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(UsableFramesTest, FourKPlusOne) {
  EXPECT_EQ(UsableFrames(100, 81), 81);
  EXPECT_EQ(UsableFrames(81, 81), 81);
  EXPECT_EQ(UsableFrames(80, 81), 77);
  EXPECT_EQ(UsableFrames(5, 81), 5);
  EXPECT_EQ(UsableFrames(4, 81), 0);
  EXPECT_EQ(UsableFrames(1, 1), 1);
  EXPECT_EQ(UsableFrames(0, 1), 0);
}

// A shell script in the decoder's place.
class FakeDecoderTest : public ::testing::Test {
 protected:
  DecoderClient Script(const std::string& body,
                       absl::Duration timeout = absl::Seconds(20)) {
    std::string path = folder_.Write("decoder", "#!/bin/sh\n" + body + "\n");
    chmod(path.c_str(), 0755);
    return DecoderClient({.program = path, .file_timeout = timeout});
  }

  // A script that first answers with `bytes` and then goes on with `body`.
  DecoderClient Answer(const std::string& bytes, const std::string& body) {
    return Script("cat " + folder_.Write("answer", bytes) + "\n" + body);
  }

  static std::string Message(const DecoderClient& client) {
    auto clip = client.Decode(
        {.path = "x.mp4", .frames = 5, .height = 16, .width = 16});
    EXPECT_FALSE(clip.ok());
    return clip.ok() ? "" : clip.status().ToString();
  }

  // Facts of a file of that size.
  static std::string Facts(uint32_t item, FrameSize size) {
    ItemFacts facts{.item = item};
    facts.facts.size = size;
    return EncodeFacts(facts);
  }

  const std::string clip_ =
      EncodeClip({.item = 0, .source = {32, 32}, .target = {16, 16}});
  TemporaryFolder folder_;
};

// What it inherits is neither secret nor a reason to start threads, which would
// run unconfined.
TEST_F(FakeDecoderTest, KnowsLittleOfOurEnvironment) {
  setenv("HALFPIPE_TOKEN", "hpt_secret", /*overwrite=*/1);
  const std::string found = folder_ / "environment";
  (void)Message(Script("env >" + found));
  unsetenv("HALFPIPE_TOKEN");
  std::ifstream in(found);
  const std::string environment{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(environment, HasSubstr("OPENBLAS_NUM_THREADS=1\n"));
  EXPECT_THAT(environment, Not(HasSubstr("hpt_secret")));
}

TEST_F(FakeDecoderTest, AMissingProgramIsNotTheFilesFault) {
  DecoderClient client({.program = folder_ / "none"});
  EXPECT_THAT(Message(client), HasSubstr("FAILED_PRECONDITION"));
}

TEST_F(FakeDecoderTest, AProgramThatGivesUpIsNotTheFilesFault) {
  EXPECT_THAT(Message(Script("exit 1")),
              HasSubstr("FAILED_PRECONDITION: the decoder"));
}

TEST_F(FakeDecoderTest, ACrashIsTheFilesError) {
  // Not before it has the request: until then it is not about the file.
  EXPECT_THAT(Message(Script("head -c 1 >/dev/null\nkill -SEGV $$")),
              HasSubstr("INVALID_ARGUMENT: x.mp4: crashes the decoder: signal "
                        "11"));
}

TEST_F(FakeDecoderTest, AHangEndsAtTheDeadline) {
  EXPECT_THAT(Message(Script("exec sleep 100", absl::Milliseconds(300))),
              HasSubstr("DEADLINE_EXCEEDED: x.mp4: was not decoded within"));
}

TEST_F(FakeDecoderTest, LiesAreTheFilesError) {
  const std::string wait = "exec sleep 100";
  for (const std::string& bytes : std::vector<std::string>{
           std::string(16, 'x'),                             // no message
           EncodeClip({0, {32, 32}, {32, 32}}),              // wrong size
           EncodeClip({1, {32, 32}, {16, 16}}),              // wrong item
           EncodeFrameHeader(0, 768),                        // before kClip
           EncodeEnd({0, 0}),                                // before kClip
           clip_ + EncodeFrameHeader(0, uint64_t{1} << 40),  // huge
           clip_ + EncodeEnd({0, 3}),                        // wrong count
           clip_ + clip_,                                    // twice
           Facts(0, {64, 64}),                               // before kClip
           clip_ + Facts(0, {64, 32}),                       // another size
           clip_ + Facts(1, {32, 32}),                       // another item
           clip_ + Facts(0, {32, 32}) + Facts(0, {32, 32}),  // twice
           clip_ + EncodeFrameHeader(0, 768) + std::string(768, 'p') +
               EncodeEnd({0, 1}),  // without facts
           EncodeError({7, "of another"}), EncodeRequest({})}) {
    EXPECT_THAT(Message(Answer(bytes, wait)),
                HasSubstr("INVALID_ARGUMENT: x.mp4: makes the decoder break "
                          "its protocol"));
  }
  std::string many = clip_;
  for (int i = 0; i < 6; ++i) {
    many += EncodeFrameHeader(0, 768) + std::string(768, 'p');
  }
  EXPECT_THAT(Message(Answer(many, wait)), HasSubstr("more frames than"));
}

class BatchTest : public ClipTest {};

TEST_F(BatchTest, OneBadFileDoesNotHurtTheOthers) {
  std::string good = MakeMp4(5, "good.mp4");
  std::string bad = folder_.Write("bad.mp4", "no video");
  std::vector<std::string> results;
  absl::Status status = Client().DecodeBatch(
      {Item(good, 5), Item(bad, 5), Item(good, 5)},
      [&](size_t item, const absl::StatusOr<DecodedClip>& clip) {
        results.push_back(absl::StrCat(item, clip.ok() ? " ok" : " bad"));
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(results, ElementsAre("0 ok", "1 bad", "2 ok"));
}

TEST_F(BatchTest, FilesAfterACrashGetANewChild) {
  std::string good = MakeMp4(5, "good.mp4");
  std::string script = folder_.Write(
      "decoder", absl::StrCat("#!/bin/sh\nif mkdir ", folder_ / "once",
                              " 2>/dev/null; then\n"
                              // It has the request: now it is about the file.
                              "  head -c 1 >/dev/null\n  kill -SEGV $$\nfi\n"
                              "exec '",
                              HP_DECODER, "'\n"));
  chmod(script.c_str(), 0755);
  std::vector<std::string> results;
  absl::Status status =
      DecoderClient({.program = script})
          .DecodeBatch({Item(good, 5), Item(good, 5), Item(good, 5)},
                       [&](size_t, const absl::StatusOr<DecodedClip>& clip) {
                         results.push_back(clip.ok() ? "ok" : "crash");
                         return absl::OkStatus();
                       });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(results, ElementsAre("crash", "ok", "ok"));
}

TEST_F(BatchTest, TheCallbacksErrorEndsTheBatch) {
  std::string good = MakeMp4(5, "good.mp4");
  int calls = 0;
  absl::Status status =
      Client().DecodeBatch({Item(good, 5), Item(good, 5)},
                           [&](size_t, const absl::StatusOr<DecodedClip>&) {
                             ++calls;
                             return absl::CancelledError("stop");
                           });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(calls, 1);
}

TEST_F(BatchTest, MemoryIsLimited) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's shadow memory needs the address space";
#endif
  std::string large = MakeMp4(5, "large.mp4", "1920x1080");
  DecoderClient client({.program = HP_DECODER,
                        .file_timeout = absl::Seconds(60),
                        .cpu_seconds_per_file = 60,
                        .memory_bytes = uint64_t{150} << 20});
  auto clip = client.Decode(Item(large, 5));
  EXPECT_FALSE(clip.ok());
  EXPECT_EQ(clip.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(clip.status().ToString(), HasSubstr("memory"));
}

}  // namespace
}  // namespace halfpipe
