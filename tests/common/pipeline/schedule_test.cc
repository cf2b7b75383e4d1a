#include "common/pipeline/schedule.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "common/pipeline/simulate.h"

namespace halfpipe::pipeline {
namespace {

constexpr ScheduleName kNames[] = {
    ScheduleName::kOneFOneB, ScheduleName::kGpipe, ScheduleName::kSequential,
    ScheduleName::kInterleaved};

ScheduleOptions Options(ScheduleName name, int32_t microbatches, int stages,
                        Warmup warmup = {}) {
  ScheduleOptions options;
  options.name = name;
  options.microbatches = microbatches;
  options.stages = stages;
  options.warmup = warmup;
  return options;
}

// BuildSchedule validates completeness and order; this simulates on top.
void ExpectSound(const ScheduleOptions& options, int32_t live0, int32_t live1) {
  SCOPED_TRACE(absl::StrCat(ToString(options.name), " M=", options.microbatches,
                            " stages=", options.stages, " warm-up ",
                            options.warmup.first, ",", options.warmup.second));
  absl::StatusOr<Schedule> schedule = BuildSchedule(options);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  EXPECT_LE(schedule->use[0].max_live, live0);
  ASSERT_EQ(schedule->use.size(), static_cast<size_t>(options.stages));
  for (size_t rank = 1; rank < schedule->use.size(); ++rank) {
    EXPECT_LE(schedule->use[rank].max_live, live1);
    EXPECT_LE(schedule->use[rank].max_slots, schedule->use[0].max_live);
  }
  const SegmentTable table = TableOf(options).value();
  CostModel slow_wire = NominalCosts(table);
  slow_wire.transfer_seconds = 10.0;
  for (const CostModel& costs : {NominalCosts(table), slow_wire}) {
    absl::StatusOr<Simulation> simulation =
        Simulate(table, schedule->ranks, costs);
    EXPECT_TRUE(simulation.ok()) << simulation.status();
  }
  EXPECT_EQ(ParseText(ToText(schedule->ranks)).value(), schedule->ranks);
}

TEST(ScheduleTest, EveryCountUpTo64IsCompleteOrderedAndFreeOfDeadlock) {
  for (int32_t m = 1; m <= 64; ++m) {
    ExpectSound(Options(ScheduleName::kOneFOneB, m, 2), 3, 2);
    ExpectSound(Options(ScheduleName::kGpipe, m, 2), m, m);
    ExpectSound(Options(ScheduleName::kSequential, m, 2), 1, 1);
    ExpectSound(Options(ScheduleName::kInterleaved, m, 2), 5, 5);
    ExpectSound(Options(ScheduleName::kOneFOneB, m, 1), 1, 0);
    ExpectSound(Options(ScheduleName::kInterleaved, m, 1), 1, 0);
    ExpectSound(Options(ScheduleName::kGpipe, m, 1), m, 0);
    ExpectSound(Options(ScheduleName::kSequential, m, 1), 1, 0);
  }
}

// Forwards of the rank's first segment before its first backward.
int32_t DepthOf(const std::vector<Action>& list) {
  int32_t depth = 0;
  const Segment first = list.front().segment;
  for (const Action& action : list) {
    if (action.segment != first) continue;
    if (action.op == Op::kBackward) break;
    if (action.op == Op::kForward) ++depth;
  }
  return depth;
}

TEST(ScheduleTest, ThreeAndFourStagesAreSound) {
  for (int stages : {3, 4}) {
    for (int32_t m = 1; m <= 24; ++m) {
      const int32_t first = 1 + stages;  // (3,2) and one a stage more than two
      ExpectSound(Options(ScheduleName::kOneFOneB, m, stages), first, stages);
      ExpectSound(Options(ScheduleName::kGpipe, m, stages), m, m);
      ExpectSound(Options(ScheduleName::kSequential, m, stages), 1, 1);
      ScheduleOptions interleaved =
          Options(ScheduleName::kInterleaved, m, stages);
      interleaved.live_chunks = LiveChunks(interleaved.chunks, stages);
      ExpectSound(interleaved, interleaved.live_chunks,
                  interleaved.live_chunks);
    }
  }
}

TEST(ScheduleTest, EveryDepthOfThreeAndFourStagesIsKept) {
  for (int stages : {3, 4}) {
    for (int32_t first = 1; first <= 5; ++first) {
      for (int32_t second = 1; second <= first; ++second) {
        const ScheduleOptions options =
            Options(ScheduleName::kOneFOneB, 16, stages, {first, second});
        ExpectSound(options, first + stages - 2, second + stages - 2);
        const Schedule schedule = BuildSchedule(options).value();
        for (int32_t rank = 0; rank < stages; ++rank) {
          const auto r = static_cast<size_t>(rank);
          const int32_t depth = WarmupDepth(options.warmup, stages, rank);
          EXPECT_EQ(DepthOf(schedule.ranks[r]), depth);
          EXPECT_EQ(schedule.use[r].max_live, depth);
        }
      }
    }
  }
}

TEST(ScheduleTest, EveryDepthIsSound) {
  for (int32_t m : {1, 2, 3, 5, 8, 13}) {
    for (int32_t first = 1; first <= 9; ++first) {
      for (int32_t second = 1; second <= first; ++second) {
        ExpectSound(Options(ScheduleName::kOneFOneB, m, 2, {first, second}),
                    first, second);
      }
    }
  }
}

TEST(ScheduleTest, EveryBoundOfLiveChunksIsSound) {
  for (int32_t chunks : {2, 3, 4}) {
    for (int32_t m : {1, 2, 3, 5, 8, 13, 32}) {
      for (int32_t live = 2 * chunks; live <= 6 * chunks; ++live) {
        ScheduleOptions options = Options(ScheduleName::kInterleaved, m, 2);
        options.chunks = chunks;
        options.live_chunks = live;
        ExpectSound(options, live, live);
      }
    }
  }
}

TEST(ScheduleTest, BackwardsAscendInEverySchedule) {
  for (ScheduleName name : kNames) {
    const Schedule schedule = BuildSchedule(Options(name, 9, 2)).value();
    for (const auto& list : schedule.ranks) {
      std::map<int32_t, int32_t> next;
      for (const Action& action : list) {
        if (action.op != Op::kBackward) continue;
        EXPECT_EQ(action.microbatch.value(), next[action.segment.value()]++);
      }
    }
  }
}

TEST(ScheduleTest, MoreLiveMicrobatchesThanAllowedAreRefused) {
  ScheduleOptions options = Options(ScheduleName::kGpipe, 8, 2);
  options.max_live = 7;
  EXPECT_TRUE(absl::IsInvalidArgument(BuildSchedule(options).status()));
  options.max_live = 8;
  EXPECT_TRUE(BuildSchedule(options).ok());
}

TEST(ScheduleTest, NoMicrobatchIsRefused) {
  EXPECT_FALSE(BuildSchedule(Options(ScheduleName::kGpipe, 0, 2)).ok());
}

TEST(ScheduleTest, NamesPrintAndParseBack) {
  for (ScheduleName name : kNames) {
    EXPECT_EQ(ParseScheduleName(ToString(name)).value(), name);
  }
  EXPECT_EQ(ParseScheduleName("1F1B").status().message(),
            "unknown schedule '1F1B': expected 1f1b, gpipe, "
            "sequential or interleaved");
}

TEST(ScheduleTest, TheHashNamesTheLists) {
  const Schedule a = BuildSchedule(Options(ScheduleName::kGpipe, 4, 2)).value();
  const Schedule b = BuildSchedule(Options(ScheduleName::kGpipe, 5, 2)).value();
  EXPECT_EQ(a.hash.size(), 64u);
  EXPECT_NE(a.hash, b.hash);
  EXPECT_EQ(a.hash, ScheduleHash(ParseText(ToText(a.ranks)).value()));
}

// The printed lists that people review. HALFPIPE_UPDATE_GOLDEN=1 rewrites them.
TEST(ScheduleTest, PrintedListsAreTheGoldenOnes) {
  for (ScheduleName name : kNames) {
    for (int32_t m : {1, 2, 4, 8}) {
      const Schedule schedule = BuildSchedule(Options(name, m, 2)).value();
      const std::string text =
          absl::StrCat(absl::StrJoin(ToText(schedule.ranks), "\n"), "\n");
      const std::string path = absl::StrCat("tests/common/pipeline/golden/",
                                            ToString(name), "_m", m, ".txt");
      if (std::getenv("HALFPIPE_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(WriteFileAtomically(path, text).ok());
      }
      absl::StatusOr<std::string> golden = ReadFile(path);
      ASSERT_TRUE(golden.ok()) << golden.status();
      EXPECT_EQ(text, *golden) << path;
    }
  }
}

}  // namespace
}  // namespace halfpipe::pipeline
