#include "common/rpc/status_conversion.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(StatusConversionTest, EveryCodeThereAndBack) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  }
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  EXPECT_EQ(MakeStatus(99, "x").code(), absl::StatusCode::kUnknown);
}

TEST(StatusConversionTest, LongMessagesAreCutAtACharacter) {
  const std::string euros = [] {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "\xe2\x82\xac";
    return text;
  }();
  const std::string message =
      ToGrpcStatus(absl::InternalError(euros)).error_message();
  EXPECT_LE(message.size(), 1024u);
  EXPECT_GE(message.size(), 1020u);
  EXPECT_EQ(message.substr(message.size() - 3), "...");
  EXPECT_EQ((message.size() - 3) % 3, 0u);
}

TEST(StatusConversionTest, WhatFitsIsNotCut) {
  EXPECT_EQ(CutMessage("12345", 5), "12345");
  EXPECT_EQ(CutMessage("123456", 5), "12...");
  EXPECT_EQ(CutMessage("", 5), "");
}

TEST(StatusConversionTest, BytesThatAreNoTextAreShown) {
  EXPECT_EQ(CutMessage("a\xff\xc3z", 100), "a\\xFF\\xC3z");
  EXPECT_EQ(CutMessage("\xe2\x82", 100), "\\xE2\\x82");
  EXPECT_EQ(CutMessage("\xe2\x82", 7), "\\xE2...");
  EXPECT_EQ(CutMessage("123\xe9", 5), "12...");
}

}  // namespace
}  // namespace halfpipe
