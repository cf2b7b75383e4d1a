#include "stage/kernels/kernel_profile.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace halfpipe {
namespace {

void Work(KernelGroup group) {
  const KernelScope scope(group, /*on_cuda=*/false);
  absl::SleepFor(absl::Milliseconds(2));
}

TEST(KernelProfileTest, SumsUpByGroupWhileActive) {
  KernelProfile profile;
  Work(KernelGroup::kLinear);  // not yet
  profile.Start();
  Work(KernelGroup::kLora);
  Work(KernelGroup::kLora);
  profile.Stop();
  Work(KernelGroup::kLora);  // no more
  auto seconds = profile.Take();
  ASSERT_TRUE(seconds.ok()) << seconds.status();
  EXPECT_GE((*seconds)[static_cast<size_t>(KernelGroup::kLora)], 0.004);
  EXPECT_EQ((*seconds)[static_cast<size_t>(KernelGroup::kLinear)], 0.0);
  EXPECT_EQ((*profile.Take())[static_cast<size_t>(KernelGroup::kLora)], 0.0);
}

TEST(KernelProfileTest, AnInnerScopesTimeCountsOnce) {
  KernelProfile profile;
  profile.Start();
  {
    const KernelScope outer(KernelGroup::kHead, /*on_cuda=*/false);
    Work(KernelGroup::kNorm);
  }
  auto seconds = profile.Take();
  ASSERT_TRUE(seconds.ok()) << seconds.status();
  EXPECT_EQ((*seconds)[static_cast<size_t>(KernelGroup::kNorm)], 0.0);
  EXPECT_GE((*seconds)[static_cast<size_t>(KernelGroup::kHead)], 0.002);
  Work(KernelGroup::kNorm);
  EXPECT_GE((*profile.Take())[static_cast<size_t>(KernelGroup::kNorm)], 0.002);
}

TEST(KernelProfileTest, AnEndedProfileIsNotWrittenTo) {
  {
    KernelProfile profile;
    profile.Start();
  }
  Work(KernelGroup::kHead);
}

}  // namespace
}  // namespace halfpipe
