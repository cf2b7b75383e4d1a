#include "common/data/decode_protocol.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

std::string PayloadOf(const std::string& message) {
  return message.substr(kDecodeHeaderBytes);
}

TEST(DecodeProtocolTest, RequestReadsBack) {
  DecodeRequest request{.memory_bytes = 5,
                        .cpu_seconds = 6,
                        .items = {{.path = "/a b.mp4",
                                   .frames = 49,
                                   .height = 480,
                                   .width = 832,
                                   .max_pixels = 7},
                                  {.path = "x.png",
                                   .mode = DecodeMode::kProbe,
                                   .background = 0xFEDCBA,
                                   .refuse_transparency = true}}};
  std::string bytes = EncodeRequest(request);
  auto header = ParseHeader(bytes.substr(0, kDecodeHeaderBytes));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->type, DecodeMessage::kRequest);
  EXPECT_EQ(header->payload_bytes, bytes.size() - kDecodeHeaderBytes);
  auto read = ParseRequest(PayloadOf(bytes));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(EncodeRequest(*read), bytes);
  EXPECT_EQ(read->items[0].path, "/a b.mp4");
  EXPECT_EQ(read->items[0].mode, DecodeMode::kPixels);
  EXPECT_FALSE(read->items[0].refuse_transparency);
  EXPECT_EQ(read->items[1].mode, DecodeMode::kProbe);
  EXPECT_EQ(read->items[1].background, 0xFEDCBAU);
  EXPECT_TRUE(read->items[1].refuse_transparency);
}

TEST(DecodeProtocolTest, AnswersReadBack) {
  auto clip = ParseClip(PayloadOf(
      EncodeClip({.item = 3, .source = {1920, 1080}, .target = {832, 480}})));
  ASSERT_TRUE(clip.ok()) << clip.status();
  EXPECT_EQ(clip->item, 3u);
  EXPECT_EQ(clip->source, (FrameSize{1920, 1080}));
  EXPECT_EQ(clip->target, (FrameSize{832, 480}));
  EXPECT_EQ(ParseEnd(PayloadOf(EncodeEnd({.item = 1, .frames = 9})))->frames,
            9u);
  auto error = ParseError(PayloadOf(EncodeError({1, "bad\n\x1b[31m\xFF"})));
  EXPECT_EQ(error->message, "bad??[31m?");
  EXPECT_LE(EncodeError({1, std::string(100000, 'x')}).size(),
            kMaxErrorBytes + kDecodeHeaderBytes);
  auto frame = ParseHeader(EncodeFrameHeader(1, 48).substr(0, 16));
  EXPECT_EQ(frame->payload_bytes, 52u);
}

TEST(DecodeProtocolTest, FactsReadBack) {
  const MediaFacts facts{.is_picture = true,
                         .frames = 300,
                         .size = {1080, 1920},
                         .frames_per_second = 29.97,
                         .is_turned = true,
                         .first_transparent_frame = 7,
                         .is_hdr = true,
                         .is_heif = true,
                         .is_anamorphic = true,
                         .is_interlaced = true};
  auto read = ParseFacts(PayloadOf(EncodeFacts({.item = 4, .facts = facts})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->item, 4u);
  EXPECT_EQ(read->facts, facts);
  const MediaFacts plain{.size = {16, 16}};
  EXPECT_EQ(ParseFacts(PayloadOf(EncodeFacts({0, plain})))->facts, plain);
}

TEST(DecodeProtocolTest, FactsOutOfBoundsAreRefused) {
  const auto is_refused = [](const MediaFacts& facts) {
    return !ParseFacts(PayloadOf(EncodeFacts({0, facts}))).ok();
  };
  EXPECT_TRUE(is_refused({.size = {0, 16}}));
  EXPECT_TRUE(is_refused({.size = {16, kMaxSourceSide + 1}}));
  EXPECT_TRUE(is_refused(
      {.size = {16, 16}, .first_transparent_frame = kMaxFrames + 1}));
  const std::string good = PayloadOf(EncodeFacts({0, {.size = {16, 16}}}));
  EXPECT_FALSE(ParseFacts(good + "x").ok());
  EXPECT_FALSE(ParseFacts(good.substr(1)).ok());
  std::string strange = good;
  strange[4] = '\x40';  // a flag that there is not
  EXPECT_FALSE(ParseFacts(strange).ok());
}

TEST(DecodeProtocolTest, EveryTruncationAndGrowthIsRefused) {
  std::string request = PayloadOf(
      EncodeRequest({.memory_bytes = 1, .cpu_seconds = 1, .items = {{"a"}}}));
  std::string clip =
      PayloadOf(EncodeClip({.item = 0, .source = {8, 8}, .target = {8, 8}}));
  std::string end = PayloadOf(EncodeEnd({0, 1}));
  std::string error = PayloadOf(EncodeError({0, "x"}));
  for (size_t n = 0; n < request.size(); ++n) {
    EXPECT_FALSE(ParseRequest(request.substr(0, n)).ok());
  }
  for (size_t n = 0; n < clip.size(); ++n) {
    EXPECT_FALSE(ParseClip(clip.substr(0, n)).ok());
  }
  EXPECT_FALSE(ParseEnd(end.substr(1)).ok());
  EXPECT_FALSE(ParseError(error.substr(0, error.size() - 1)).ok());
  EXPECT_FALSE(ParseRequest(request + "x").ok());
  EXPECT_FALSE(ParseClip(clip + "x").ok());
  EXPECT_FALSE(ParseEnd(end + "x").ok());
  EXPECT_FALSE(ParseError(error + "x").ok());
}

TEST(DecodeProtocolTest, NumbersOutOfBoundsAreRefused) {
  EXPECT_FALSE(ParseClip(PayloadOf(EncodeClip({0, {8, 8}, {5000, 8}}))).ok());
  EXPECT_FALSE(ParseClip(PayloadOf(EncodeClip({0, {8, 8}, {-1, 8}}))).ok());
  EXPECT_FALSE(ParseClip(PayloadOf(EncodeClip({0, {0, 8}, {8, 8}}))).ok());
  EXPECT_FALSE(ParseEnd(PayloadOf(EncodeEnd({0, 1u << 31}))).ok());
  DecodeRequest request{.memory_bytes = 1, .cpu_seconds = 1, .items = {{"a"}}};
  request.items[0].height = 16;  // and no width
  EXPECT_FALSE(ParseRequest(PayloadOf(EncodeRequest(request))).ok());
  std::string header = EncodeEnd({0, 1}).substr(0, kDecodeHeaderBytes);
  for (size_t i : {0, 4, 6}) {  // magic, version, type
    std::string bad = header;
    bad[i] = '\x7F';
    EXPECT_FALSE(ParseHeader(bad).ok()) << i;
  }
}

}  // namespace
}  // namespace halfpipe
