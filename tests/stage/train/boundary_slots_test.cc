#include "stage/train/boundary_slots.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "stage/runtime/host_event.h"

namespace halfpipe {
namespace {

constexpr Segment kSegment(1);
constexpr Microbatch kFirst(0);
constexpr Microbatch kSecond(1);

std::vector<SlotSpec> TwoTensors() {
  return {{{2, 3}, at::kFloat}, {{4}, at::kBFloat16}};
}

BoundarySlot Expect(BoundarySlots* slots, Microbatch microbatch,
                    const std::vector<SlotSpec>& specs) {
  auto slot =
      slots->Expect(SlotKind::kActivationIn, kSegment, microbatch, specs);
  EXPECT_TRUE(slot.ok()) << slot.status();
  return *slot;
}

TEST(BoundarySlotsTest, WhatIsPutIsWhatTheLinkSees) {
  BoundarySlots slots(at::kCPU);
  const at::Tensor tensor = at::arange(6, at::kFloat).view({2, 3});
  auto slot =
      slots.Put(SlotKind::kActivationOut, kSegment, kFirst, {tensor.clone()});
  ASSERT_TRUE(slot.ok()) << slot.status();
  ASSERT_EQ(slot->buffers.size(), 1u);
  const BufferView& view = slot->buffers[0];
  EXPECT_EQ(view.bytes, 24u);
  EXPECT_EQ(view.dtype, DType::kF32);
  EXPECT_EQ(view.shape, (Shape{2, 3}));
  EXPECT_EQ(static_cast<const float*>(view.data)[5], 5.0F);
  EXPECT_TRUE(slot->ready->WaitOnHost(absl::InfinitePast()).ok());
}

TEST(BoundarySlotsTest, ReceivedTensorsHaveTheSpecsAndTheBytes) {
  BoundarySlots slots(at::kCPU);
  const BoundarySlot room = Expect(&slots, kFirst, TwoTensors());
  ASSERT_EQ(room.buffers.size(), 2u);
  EXPECT_EQ(room.buffers[1].bytes, 8u);
  for (int i = 0; i < 6; ++i) {
    static_cast<float*>(room.buffers[0].data)[i] = static_cast<float>(i);
  }
  slots.SetArrived(SlotKind::kActivationIn, kSegment, kFirst, HostEvent::Now());
  auto taken = slots.Take(SlotKind::kActivationIn, kSegment, kFirst);
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->size(), 2u);
  EXPECT_TRUE((*taken)[0].equal(at::arange(6, at::kFloat).view({2, 3})));
  EXPECT_EQ((*taken)[1].scalar_type(), at::kBFloat16);
}

TEST(BoundarySlotsTest, TakeNeedsAnArrival) {
  BoundarySlots slots(at::kCPU);
  const auto take = [&] {
    return slots.Take(SlotKind::kActivationIn, kSegment, kFirst).status();
  };
  EXPECT_TRUE(absl::IsFailedPrecondition(take()));
  Expect(&slots, kFirst, TwoTensors());
  EXPECT_TRUE(absl::IsFailedPrecondition(take()));
  slots.SetArrived(SlotKind::kActivationIn, kSegment, kFirst, HostEvent::Now());
  EXPECT_TRUE(take().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(take()));  // once only
}

TEST(BoundarySlotsTest, AFailedTransferFailsTheTake) {
  BoundarySlots slots(at::kCPU);
  Expect(&slots, kFirst, TwoTensors());
  auto event = std::make_shared<HostEvent>();
  event->Set(absl::AbortedError("peer gone"));
  slots.SetArrived(SlotKind::kActivationIn, kSegment, kFirst, event);
  EXPECT_TRUE(absl::IsAborted(
      slots.Take(SlotKind::kActivationIn, kSegment, kFirst).status()));
}

TEST(BoundarySlotsTest, BuffersAreReusedOnlyForTheSameSpecs) {
  BoundarySlots slots(at::kCPU);
  void* const data = Expect(&slots, kFirst, TwoTensors()).buffers[0].data;
  *static_cast<float*>(data) = 5.0F;
  slots.SetArrived(SlotKind::kActivationIn, kSegment, kFirst, HostEvent::Now());
  auto taken = slots.Take(SlotKind::kActivationIn, kSegment, kFirst);
  ASSERT_TRUE(taken.ok());
  const BoundarySlot other =
      Expect(&slots, kFirst, {{{3, 2}, at::kFloat}, {{4}, at::kBFloat16}});
  EXPECT_NE(other.buffers[0].data, data);
  const BoundarySlot again = Expect(&slots, kSecond, TwoTensors());
  EXPECT_EQ(again.buffers[0].data, data);
  EXPECT_TRUE(again.ready->WaitOnHost(absl::InfinitePast()).ok());
  // What was taken is a copy: the next receive does not change it.
  *static_cast<float*>(again.buffers[0].data) = 6.0F;
  EXPECT_EQ((*taken)[0].flatten()[0].item<float>(), 5.0F);
}

TEST(BoundarySlotsTest, SentMemoryLivesUntilTheTransferEnds) {
  BoundarySlots slots(at::kCPU);
  at::Tensor tensor = at::ones({2});
  const auto owners = [&] { return tensor.use_count(); };
  ASSERT_TRUE(
      slots.Put(SlotKind::kGradientOut, kSegment, kFirst, {tensor}).ok());
  EXPECT_EQ(owners(), 2u);
  auto done = std::make_shared<HostEvent>();
  slots.Release(kSegment, kFirst, done);
  const auto next = [&](Microbatch microbatch) {
    return slots.Put(SlotKind::kGradientOut, kSegment, microbatch,
                     {at::ones({1})});
  };
  ASSERT_TRUE(next(kSecond).ok());
  EXPECT_EQ(owners(), 2u);  // still under way
  done->Set(absl::OkStatus());
  ASSERT_TRUE(next(kFirst).ok());
  EXPECT_EQ(owners(), 1u);
}

TEST(BoundarySlotsTest, NormsHaveASlotForEachRank) {
  BoundarySlots slots(at::kCPU);
  EXPECT_TRUE(absl::IsFailedPrecondition(slots.TakeNorms(Rank(1)).status()));
  for (int32_t rank : {1, 2}) {
    const auto room = slots.ExpectNorms(Rank(rank), /*count=*/2);
    ASSERT_TRUE(room.ok()) << room.status();
    ASSERT_EQ(room->buffers[0].bytes, 16u);
    static_cast<double*>(room->buffers[0].data)[1] = rank;
    slots.SetNormsArrived(Rank(rank), HostEvent::Now());
  }
  at::Tensor own = at::ones({2}, at::kDouble);
  ASSERT_TRUE(slots.PutNorms(own).ok());
  EXPECT_EQ(own.use_count(), 2u);
  slots.ReleaseNorms(HostEvent::Now());
  for (int32_t rank : {2, 1}) {
    const auto norms = slots.TakeNorms(Rank(rank));
    ASSERT_TRUE(norms.ok()) << norms.status();
    EXPECT_EQ((*norms)[1].item<double>(), rank);
  }
}

// An abort returns before the link's thread has left its last transfer: memory
// that is freed now would be written into.
TEST(BoundarySlotsTest, ClearWaitsForTransfersThatAreEnding) {
  BoundarySlots slots(at::kCPU);
  Expect(&slots, kFirst, TwoTensors());
  auto arrived = std::make_shared<HostEvent>();
  slots.SetArrived(SlotKind::kActivationIn, kSegment, kFirst, arrived);
  ASSERT_TRUE(
      slots.Put(SlotKind::kActivationOut, kSegment, kFirst, {at::ones({1})})
          .ok());
  auto sent = std::make_shared<HostEvent>();
  slots.Release(kSegment, kFirst, sent);

  std::atomic<bool> ended = false;
  std::thread link([&] {
    absl::SleepFor(absl::Milliseconds(50));
    arrived->Set(absl::AbortedError("aborted"));
    absl::SleepFor(absl::Milliseconds(50));
    ended = true;
    sent->Set(absl::AbortedError("aborted"));
  });
  slots.Clear();
  EXPECT_TRUE(ended);
  link.join();
  EXPECT_TRUE(absl::IsFailedPrecondition(
      slots.Take(SlotKind::kActivationIn, kSegment, kFirst).status()));
}

}  // namespace
}  // namespace halfpipe
