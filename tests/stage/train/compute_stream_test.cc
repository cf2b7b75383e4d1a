// On the CPU, where work is done when its call returns. The GPU side runs in
// the tests of stage/gpu and of the whole programs.
#include "stage/train/compute_stream.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/time/time.h"
#include "stage/runtime/host_event.h"

namespace halfpipe {
namespace {

TEST(ComputeStreamTest, EventsOfTheCpuAreSetAndInOrder) {
  auto first = RecordComputeEvent(at::kCPU);
  auto second = RecordComputeEvent(at::kCPU);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE((*first)->WaitOnHost(absl::InfinitePast()).ok());
  EXPECT_EQ((*first)->native(), nullptr);
  auto seconds = (*second)->SecondsSince(**first);
  ASSERT_TRUE(seconds.ok()) << seconds.status();
  EXPECT_GE(*seconds, 0.0);
}

TEST(ComputeStreamTest, OrderBehindWaitsUpToItsLimit) {
  auto event = std::make_shared<HostEvent>();
  const absl::Duration limit = absl::Milliseconds(10);
  EXPECT_TRUE(absl::IsDeadlineExceeded(OrderBehind(event, at::kCPU, limit)));
  event->Set(absl::AbortedError("peer gone"));
  EXPECT_TRUE(absl::IsAborted(OrderBehind(event, at::kCPU, limit)));
  EXPECT_TRUE(OrderBehind(HostEvent::Now(), at::kCPU, limit).ok());
  EXPECT_TRUE(OrderBehind(nullptr, at::kCPU, limit).ok());
}

TEST(ComputeStreamTest, TheCpuHasNoDeviceMemory) {
  EXPECT_TRUE(SynchronizeCompute(at::kCPU).ok());
  ResetPeakMemory(at::kCPU);
  auto memory = ReadDeviceMemory(at::kCPU);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->in_use_bytes, 0);
  EXPECT_EQ(memory->process_peak_bytes, 0);
  EXPECT_EQ(memory->driver_total_bytes, 0);
}

}  // namespace
}  // namespace halfpipe
