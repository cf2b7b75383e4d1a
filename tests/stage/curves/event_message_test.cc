#include "stage/curves/event_message.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// As tensorboard.compat.proto writes them:
//   Event(wall_time=1.5, file_version="brain.Event:2").SerializeToString()
TEST(EventMessageTest, TheFirstEventIsTheVersion) {
  EXPECT_EQ(absl::BytesToHexString(VersionEvent(1.5)),
            "09000000000000f83f"
            "1a0d627261696e2e4576656e743a32");
  EXPECT_FALSE(KeyOfEvent(VersionEvent(1.5)).has_value());
}

//   Event(wall_time=1.5, step=300, summary=Summary(value=[
//       Summary.Value(tag="train/loss", simple_value=0.5)]))
TEST(EventMessageTest, ARowIsASummary) {
  const CurveRow row{{300, false}, 1.5, {{"train", "loss", 0.5}}};
  EXPECT_EQ(absl::BytesToHexString(EventOf(row)),
            "09000000000000f83f"
            "10ac02"
            "2a130a11"
            "0a0a747261696e2f6c6f7373"
            "150000003f");
}

TEST(EventMessageTest, AnEventSaysWhichRowItIsOf) {
  const CurveRow step{{1'000'000, false},
                      1.5,
                      {{"train", "loss", 0.5}, {"train", "grad_norm", 1.0}}};
  EXPECT_EQ(KeyOfEvent(EventOf(step)), step.key);
  const CurveRow validation{{200, true}, 1.5, {{"validation", "loss", 0.5}}};
  EXPECT_EQ(KeyOfEvent(EventOf(validation)), validation.key);
}

TEST(EventMessageTest, WhatIsNoMessageIsOfNoRow) {
  const std::string event =
      EventOf({{3, false}, 1.5, {{"train", "loss", 0.5}}});
  for (size_t bytes = 0; bytes < event.size(); ++bytes) {
    (void)KeyOfEvent(event.substr(0, bytes));  // reads nothing beyond it
  }
  EXPECT_FALSE(KeyOfEvent("").has_value());
  EXPECT_FALSE(KeyOfEvent(std::string(40, '\xff')).has_value());
  EXPECT_FALSE(KeyOfEvent("\x2a\x7f").has_value());
}

}  // namespace
}  // namespace halfpipe
