#include "stage/curves/tensorboard_curve.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/curves/event_message.h"
#include "stage/curves/record_frame.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr double kHour = 1764630000.25;

class TensorBoardCurveTest : public testing::Test {
 protected:
  static CurveRow Row(int64_t step, double unix_seconds = kHour) {
    return {{step, false}, unix_seconds, {{"train", "loss", 0.5}}};
  }

  void Train(int64_t from, int64_t to, double unix_seconds = kHour) {
    TensorBoardCurve curve(scratch_.path());
    for (int64_t step = from; step <= to; ++step) {
      ASSERT_TRUE(curve.Write(Row(step, unix_seconds)).ok());
    }
    EXPECT_TRUE(curve.Sync().ok());
  }

  std::vector<std::string> Names() {
    auto names = ListEventFiles(scratch_.path());
    EXPECT_TRUE(names.ok()) << names.status();
    return *std::move(names);
  }

  // Of all files in the order in which they are read; a file's first event,
  // which has none, is -1, and what is no record -2.
  std::vector<int64_t> Steps() {
    std::vector<int64_t> steps;
    for (const std::string& name : Names()) {
      std::ifstream in(scratch_ / name, std::ios::binary);
      int64_t bytes = 0;
      while (const auto event = ReadRecord(in)) {
        const auto key = KeyOfEvent(*event);
        steps.push_back(key.has_value() ? key->step : -1);
        bytes += static_cast<int64_t>(event->size()) + kRecordFrameBytes;
      }
      if (std::filesystem::file_size(scratch_ / name) !=
          static_cast<uintmax_t>(bytes)) {
        steps.push_back(-2);
      }
    }
    return steps;
  }

  ScratchFolder scratch_;
};

TEST_F(TensorBoardCurveTest, EachTimeThatItGoesOnHasAFile) {
  Train(1, 2);
  Train(3, 4, kHour + 60);
  EXPECT_THAT(Names(), ElementsAre("events.out.tfevents.1764630000.halfpipe",
                                   "events.out.tfevents.1764630060.halfpipe"));
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, 2, -1, 3, 4));
}

TEST_F(TensorBoardCurveTest, NamesSortByAgeWhateverTheClockSays) {
  Train(1, 1);
  Train(2, 2);                // in the same second
  Train(3, 3, kHour - 9000);  // the clock was set back
  EXPECT_THAT(Names(), ElementsAre("events.out.tfevents.1764630000.halfpipe",
                                   "events.out.tfevents.1764630001.halfpipe",
                                   "events.out.tfevents.1764630002.halfpipe"));
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, -1, 2, -1, 3));
}

TEST_F(TensorBoardCurveTest, WhatIsDoneAgainIsCutOffEveryFile) {
  Train(1, 3);
  Train(4, 6);
  Train(3, 4);
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, 2, -1, -1, 3, 4));
}

TEST_F(TensorBoardCurveTest, HalfARecordIsMended) {
  Train(1, 2);
  const std::string path = scratch_ / Names().front();
  std::ofstream(path, std::ios::app | std::ios::binary)
      << FrameRecord(EventOf(Row(3))).substr(0, 20);
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, 2, -2));
  Train(3, 3);
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, 2, -1, 3));
}

TEST_F(TensorBoardCurveTest, ARunThatGoesBackBeginsAFile) {
  TensorBoardCurve curve(scratch_.path());
  for (const int64_t step : {1, 2, 3, 2, 3}) {
    ASSERT_TRUE(curve.Write(Row(step)).ok());
  }
  EXPECT_THAT(Names(), SizeIs(2));
  EXPECT_THAT(Steps(), ElementsAre(-1, 1, -1, 2, 3));
}

TEST_F(TensorBoardCurveTest, OnlyItsOwnFilesAreCut) {
  const std::string foreign = "events.out.tfevents.1.host.123.0";
  scratch_.Write(foreign, FrameRecord(EventOf(Row(7))));
  std::filesystem::create_symlink(scratch_ / foreign,
                                  scratch_ / "events.out.tfevents.2.halfpipe");
  const std::string before = *ReadFile(scratch_ / foreign);
  Train(1, 1);
  EXPECT_EQ(*ReadFile(scratch_ / foreign), before);
  EXPECT_THAT(Names(), SizeIs(1));
}

}  // namespace
}  // namespace halfpipe
