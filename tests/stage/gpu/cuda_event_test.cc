#include "stage/gpu/cuda_event.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "stage/gpu/device_facts.h"
#include "stage/runtime/host_event.h"

namespace halfpipe {
namespace {

// A stream whose work is held back by a host function until Open().
class GatedStream {
 public:
  GatedStream() { EXPECT_EQ(cudaStreamCreate(&stream_), cudaSuccess); }

  GatedStream(const GatedStream&) = delete;
  GatedStream& operator=(const GatedStream&) = delete;

  ~GatedStream() {
    Open();
    (void)cudaStreamSynchronize(stream_);
    (void)cudaStreamDestroy(stream_);
  }

  void Close() {
    open_ = false;
    EXPECT_EQ(cudaLaunchHostFunc(
                  stream_,
                  [](void* gate) {
                    const auto* open = static_cast<std::atomic<bool>*>(gate);
                    while (!*open) absl::SleepFor(absl::Milliseconds(1));
                  },
                  &open_),
              cudaSuccess);
  }

  void Open() { open_ = true; }

  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
  std::atomic<bool> open_ = true;
};

EventPtr Record(cudaStream_t stream, CudaEvent::Health health = {}) {
  auto event = CudaEvent::Record(stream, std::move(health));
  EXPECT_TRUE(event.ok()) << event.status();
  return event.ok() ? *std::move(event) : nullptr;
}

class CudaEventTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (GpuCount() == 0) GTEST_SKIP() << "no GPU";
    ASSERT_TRUE(DescribeGpu(0).ok());
  }
};

TEST_F(CudaEventTest, IsSetBehindTheWorkOfItsStream) {
  GatedStream stream;
  stream.Close();
  const EventPtr event = Record(stream.get());
  ASSERT_NE(event, nullptr);
  EXPECT_NE(event->native(), nullptr);
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(event->WaitOnHost(absl::InfinitePast())));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      event->WaitOnHost(absl::Now() + absl::Milliseconds(20))));
  stream.Open();
  EXPECT_TRUE(event->WaitOnHost(absl::Now() + absl::Seconds(10)).ok());
  EXPECT_TRUE(SynchronizeStream(stream.get()).ok());
}

TEST_F(CudaEventTest, HealthEndsAWaitAndMarksASetEvent) {
  GatedStream stream;
  stream.Close();
  std::atomic<bool> healthy = true;
  const EventPtr event = Record(stream.get(), [&healthy] {
    return healthy ? absl::OkStatus() : absl::AbortedError("link aborted");
  });
  ASSERT_NE(event, nullptr);
  healthy = false;
  EXPECT_TRUE(absl::IsAborted(event->WaitOnHost(absl::InfiniteFuture())));
  stream.Open();
  ASSERT_TRUE(SynchronizeStream(stream.get()).ok());
  EXPECT_TRUE(absl::IsAborted(event->WaitOnHost(absl::InfinitePast())));
}

TEST_F(CudaEventTest, MeasuresTheTimeBetweenTwoEvents) {
  GatedStream stream;
  const EventPtr begin = Record(stream.get());
  stream.Close();
  const EventPtr end = Record(stream.get());
  ASSERT_TRUE(begin != nullptr && end != nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(end->SecondsSince(*begin).status()));
  absl::SleepFor(absl::Milliseconds(50));
  stream.Open();
  ASSERT_TRUE(end->WaitOnHost(absl::Now() + absl::Seconds(10)).ok());
  auto seconds = end->SecondsSince(*begin);
  ASSERT_TRUE(seconds.ok()) << seconds.status();
  EXPECT_GT(*seconds, 0.04);
  EXPECT_LT(*seconds, 10.0);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      end->SecondsSince(*HostEvent::Now()).status()));
}

TEST_F(CudaEventTest, AnotherStreamWaitsWithoutTheHost) {
  GatedStream first;
  GatedStream second;
  first.Close();
  const EventPtr gate = Record(first.get());
  ASSERT_NE(gate, nullptr);
  ASSERT_TRUE(WaitForEvent(second.get(), *gate).ok());
  const EventPtr behind = Record(second.get());
  ASSERT_NE(behind, nullptr);
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      behind->WaitOnHost(absl::Now() + absl::Milliseconds(20))));
  first.Open();
  EXPECT_TRUE(behind->WaitOnHost(absl::Now() + absl::Seconds(10)).ok());
}

TEST_F(CudaEventTest, TheDriverCountsMemory) {
  auto before = ReadDriverMemory();
  ASSERT_TRUE(before.ok()) << before.status();
  constexpr size_t kBytes = size_t{256} << 20;
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, kBytes), cudaSuccess);
  auto after = ReadDriverMemory();
  (void)cudaFree(memory);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->total_bytes, before->total_bytes);
  EXPECT_GE(before->free_bytes - after->free_bytes,
            static_cast<int64_t>(kBytes));
}

}  // namespace
}  // namespace halfpipe
