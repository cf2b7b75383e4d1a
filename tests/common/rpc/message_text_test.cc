#include "common/rpc/message_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "halfpipe/v1/jobs.pb.h"
#include "halfpipe/v1/stages.pb.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Whether the other side can read it: protobuf checks text when it parses.
template <typename Message>
bool Arrives(const Message& message) {
  Message read;
  return read.ParseFromString(message.SerializeAsString());
}

TEST(MessageTextTest, TextForPeopleIsShown) {
  v1::ReportRequest report;
  report.set_status_message("no caf\xe9");
  report.mutable_scan()->add_warnings("fine");
  report.mutable_scan()->add_warnings("\xff\xfe");
  EXPECT_FALSE(Arrives(report));
  ASSERT_TRUE(MakeTextValid(&report).ok());
  EXPECT_TRUE(Arrives(report));
  EXPECT_EQ(report.status_message(), "no caf\\xE9");
  EXPECT_EQ(report.scan().warnings(0), "fine");
  EXPECT_EQ(report.scan().warnings(1), "\\xFF\\xFE");
}

TEST(MessageTextTest, WhatMeansSomethingIsRefusedByName) {
  v1::ReportRequest report;
  report.mutable_scan()->add_samples()->set_media_path("/clips/caf\xe9.mp4");
  const absl::Status status = MakeTextValid(&report);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("media_path is not UTF-8 text"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("'/clips/caf\\xE9.mp4'"));
}

TEST(MessageTextTest, MapsAreLookedInto) {
  v1::CreateJobRequest request;
  (*request.mutable_labels())["owner"] = "Ren\xe9";
  EXPECT_EQ(MakeTextValid(&request).code(), absl::StatusCode::kInvalidArgument);
  (*request.mutable_labels())["owner"] = "Ren\xc3\xa9";
  EXPECT_TRUE(MakeTextValid(&request).ok());
  EXPECT_TRUE(Arrives(request));
}

TEST(MessageTextTest, BytesAreNoText) {
  v1::StageCommand command;
  command.mutable_start()->set_rendezvous("\xff\0\xe9");
  EXPECT_TRUE(MakeTextValid(&command).ok());
  EXPECT_TRUE(Arrives(command));
  EXPECT_EQ(command.start().rendezvous(), "\xff");
}

// Every kind of event and every name of a stage arrives.
TEST(MessageTextTest, EventsAndStagesArrive) {
  v1::JobEvent line;
  line.mutable_log()->set_text("\xe9");
  v1::JobEvent state;
  state.mutable_state()->set_reason("\xe9");
  state.mutable_state()->mutable_error()->set_message("\xe9");
  v1::JobEvent encoding;
  encoding.mutable_encoding()->set_activity("\xe9");
  for (v1::JobEvent* event : {&line, &state, &encoding}) {
    EXPECT_TRUE(MakeTextValid(event).ok());
    EXPECT_TRUE(Arrives(*event));
  }
  v1::RegisterRequest stage;
  stage.set_host("\xe9");
  stage.set_device_name("\xe9");
  EXPECT_TRUE(MakeTextValid(&stage).ok());
  EXPECT_TRUE(Arrives(stage));
  v1::HeartbeatRequest beat;
  beat.set_activity("encoding \xe9");
  beat.add_lines()->set_text("\xe9");
  EXPECT_TRUE(MakeTextValid(&beat).ok());
  EXPECT_TRUE(Arrives(beat));
}

}  // namespace
}  // namespace halfpipe
