#include "stage/runtime/neighbour_links.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

BoundarySlot SlotOf(int64_t* word) {
  return {{{word, sizeof(*word), DType::kI64, {1}}}, nullptr};
}

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

// Links between `stages` stages, the last of which is joined to the first.
class Ring {
 public:
  explicit Ring(size_t stages) {
    for (size_t rank = 0; rank < stages; ++rank) {
      auto [here, there] = MakeLoopbackPair().value();
      to_next_.push_back(std::move(here));
      to_previous_.push_back(std::move(there));
    }
  }

  NeighbourLinks LinksOf(size_t rank) {
    const size_t stages = to_next_.size();
    return NeighbourLinks::InRing(
        to_previous_[(rank + stages - 1) % stages].get(), to_next_[rank].get(),
        static_cast<int32_t>(stages));
  }

 private:
  // Of the link behind each stage: its own end, and that of the stage behind.
  std::vector<std::unique_ptr<PeerLink>> to_next_;
  std::vector<std::unique_ptr<PeerLink>> to_previous_;
};

TEST(NeighbourLinksTest, AStageThatIsAloneHasNothingToWaitFor) {
  NeighbourLinks links = NeighbourLinks::ToPeer(nullptr);
  EXPECT_TRUE(links.alone());
  EXPECT_EQ(links.stages(), 1);
  EXPECT_EQ(links.bytes_sent(), 0);
  EXPECT_TRUE(links.Flush(absl::InfinitePast()).ok());
  links.Abort(absl::CancelledError("no link"));
}

TEST(NeighbourLinksTest, OfTwoStagesOneLinkGoesBothWays) {
  auto [first, second] = MakeLoopbackPair().value();
  NeighbourLinks here = NeighbourLinks::ToPeer(first.get());
  NeighbourLinks there = NeighbourLinks::ToPeer(second.get());
  EXPECT_EQ(&here.previous(), &here.next());
  EXPECT_EQ(here.stages(), 2);
  std::vector<int64_t> sent = {7, 8};
  std::vector<int64_t> received = {0, 0};
  ASSERT_TRUE(here.PassOn(SlotOf(&sent[0]), SlotOf(&received[0])).ok());
  ASSERT_TRUE(there.PassOn(SlotOf(&sent[1]), SlotOf(&received[1])).ok());
  ASSERT_TRUE(here.Flush(Soon()).ok());
  ASSERT_TRUE(there.Flush(Soon()).ok());
  EXPECT_EQ(received, (std::vector<int64_t>{8, 7}));
  EXPECT_EQ(here.bytes_sent(), 8);
}

TEST(NeighbourLinksTest, EachStageOfARingGetsWhatTheOneBeforeItSends) {
  for (size_t stages : {3, 4}) {
    Ring ring(stages);
    std::vector<int64_t> sent(stages);
    std::vector<int64_t> received(stages, -1);
    for (size_t rank = 0; rank < stages; ++rank) {
      sent[rank] = static_cast<int64_t>(rank);
      NeighbourLinks links = ring.LinksOf(rank);
      EXPECT_EQ(links.stages(), static_cast<int32_t>(stages));
      ASSERT_TRUE(
          links.PassOn(SlotOf(&sent[rank]), SlotOf(&received[rank])).ok());
    }
    for (size_t rank = 0; rank < stages; ++rank) {
      NeighbourLinks links = ring.LinksOf(rank);
      ASSERT_TRUE(links.Flush(Soon()).ok());
      EXPECT_EQ(links.bytes_sent(), 8);
      EXPECT_EQ(received[rank],
                static_cast<int64_t>((rank + stages - 1) % stages));
    }
  }
}

TEST(NeighbourLinksTest, AnAbortEndsTheWaitsOfBothNeighbours) {
  int64_t word = 0;
  int64_t other = 0;
  Ring ring(3);
  // Stage 0 waits for both neighbours; stage 1 gives up.
  NeighbourLinks waiting = ring.LinksOf(0);
  ASSERT_TRUE(waiting.previous().Receive(SlotOf(&word).buffers, nullptr).ok());
  ASSERT_TRUE(waiting.next().Receive(SlotOf(&other).buffers, nullptr).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      waiting.Flush(absl::Now() + absl::Milliseconds(20))));
  ring.LinksOf(1).Abort(absl::CancelledError("over"));
  // The link to stage 2 is well, and yet the wait ends.
  absl::Status flushed;
  do {
    flushed = waiting.Flush(absl::Now() + absl::Milliseconds(50));
  } while (absl::IsDeadlineExceeded(flushed));
  EXPECT_TRUE(absl::IsAborted(flushed)) << flushed;
  waiting.Abort(flushed);
  EXPECT_TRUE(absl::IsAborted(ring.LinksOf(0).Flush(Soon())));
}

}  // namespace
}  // namespace halfpipe
