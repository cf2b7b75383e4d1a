#include "common/plan/plan_limits.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/quantity.h"
#include "common/plan/plan_cases.h"
#include "common/plan/plan_search.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

PlanRequest Capped(int64_t gpu_gib, int64_t host_gib) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = gpu_gib * kGiB;
  request.host_memory_bytes = {host_gib * kGiB};
  request.max_ffn_chunks = 8;
  return request;
}

std::string MessageOf(const PlanRequest& request) {
  const absl::Status status = PlanTraining(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  return std::string(status.message());
}

// The settings that a message offers, each of them one way out.
std::vector<std::string> WaysOf(const std::string& message) {
  constexpr char kOffer[] = "This would fit: ";
  const size_t begin = message.find(kOffer);
  if (begin == std::string::npos) return {};
  return absl::StrSplit(message.substr(begin + sizeof(kOffer) - 1), ", or ");
}

// `request` with "data.frames: 21", or several settings joined by "and".
PlanRequest With(PlanRequest request, absl::string_view way) {
  for (absl::string_view setting : absl::StrSplit(way, " and ")) {
    if (absl::ConsumePrefix(&setting, "data.frames: ")) {
      int64_t frames = 0;
      EXPECT_TRUE(absl::SimpleAtoi(setting, &frames));
      request.clip.latent_frames = (frames - 1) / 4 + 1;
    } else if (setting == "model.weights: fp8") {
      request.weights = WeightForm::kFp8;
    } else if (setting == "pipeline.memory: auto") {
      request.policy.reset();
    } else if (setting == "pipeline.split_at: auto") {
      request.split.reset();
    } else if (setting == "pipeline.warmup: auto") {
      request.fixed_warmup = false;
    } else if (absl::ConsumePrefix(&setting, "pipeline.host_memory: ")) {
      request.host_memory_bytes = {ParseBytes(setting).value()};
    } else if (absl::ConsumePrefix(&setting, "pipeline.gpu_memory: ")) {
      request.gpu_memory_bytes = ParseBytes(setting).value();
    } else {
      ADD_FAILURE() << "no setting: " << setting;
    }
  }
  return request;
}

TEST(PlanLimitsTest, EveryWayOutThatIsOfferedDoesFit) {
  PlanRequest keep = Capped(60, 64);
  keep.policy = ActivationPolicy::kKeep;
  PlanRequest deep = Capped(22, 8);
  deep.fixed_warmup = true;
  deep.schedule.warmup = {6, 5};
  PlanRequest uneven = Capped(22, 64);
  uneven.split = 30;
  PlanRequest small_card = Capped(0, 64);
  small_card.devices[1].free_bytes = 17 * kGiB;
  small_card.split = 20;
  size_t offered = 0;
  for (const PlanRequest& request :
       {Capped(22, 0), Capped(16, 64), Capped(11, 0), keep, deep, uneven,
        small_card}) {
    const std::string message = MessageOf(request);
    const std::vector<std::string> ways = WaysOf(message);
    EXPECT_THAT(ways, Not(IsEmpty())) << message;
    for (const std::string& way : ways) {
      EXPECT_TRUE(Fits(With(request, way))) << way << " in " << message;
      ++offered;
    }
  }
  EXPECT_GE(offered, 14u);
}

TEST(PlanLimitsTest, TheErrorSaysWhatTakesTheMemory) {
  const PlanRequest request = Capped(16, 64);
  const std::string message = MessageOf(request);
  EXPECT_THAT(message, HasSubstr("GPU 0 (NVIDIA H200) lacks "));
  EXPECT_THAT(message, HasSubstr(": pipeline.gpu_memory allows 16.00 GiB and "
                                 "its "));
  EXPECT_THAT(message, HasSubstr(" blocks need at least "));
  EXPECT_THAT(message, HasSubstr("(weights 1"));
  EXPECT_THAT(message, HasSubstr("a block at work "));
  EXPECT_THAT(message, HasSubstr("pipeline.gpu_memory: "));
}

TEST(PlanLimitsTest, WhatItLacksIsExactlyWhatIsMissing) {
  PlanRequest request = Capped(18, 1024);
  request.split = 20;
  request.max_ffn_chunks = 1;
  request.host_memory_bytes = {1024 * kGiB};
  const PlanRequest lean = Leanest(request);
  absl::StatusOr<PlanSearch> search = PlanSearch::Create(lean, 1);
  ASSERT_TRUE(search.ok());
  const int64_t lacks = search->ShortfallsAt(20)[0].device_bytes;
  ASSERT_GT(lacks, 0);
  request.gpu_memory_bytes += lacks - 2;  // rounding of the slack
  EXPECT_FALSE(Fits(request));
  request.gpu_memory_bytes += 4;
  EXPECT_TRUE(Fits(request));
}

TEST(PlanLimitsTest, AHostThatIsTooSmallSaysWhatTheStagesNeed) {
  PlanRequest request = Capped(20, 0);
  const std::string message = MessageOf(request);
  EXPECT_THAT(message, HasSubstr("the host lacks "));
  EXPECT_THAT(message, HasSubstr("pipeline.host_memory allows 0.00 GiB"));
  EXPECT_THAT(message, HasSubstr(" on stage 0 and "));
  EXPECT_THAT(message, HasSubstr(" on stage 1"));
  request.host_memory_source = "what could be pinned is";
  EXPECT_THAT(MessageOf(request),
              HasSubstr("what could be pinned is 0.00 GiB"));
  request.host_memory_bytes = {0, 64 * kGiB};
  const std::string own = MessageOf(request);
  EXPECT_THAT(own, HasSubstr(" on stage 0"));
  EXPECT_THAT(own, Not(HasSubstr(" on stage 1")));
}

TEST(PlanLimitsTest, WhereNotOneFrameFitsTheErrorSaysWhatWould) {
  PlanRequest request = Capped(0, 0);
  request.weights = WeightForm::kFp8;
  for (DeviceRates& device : request.devices) device.free_bytes = 4 * kGiB;
  EXPECT_EQ(LongestFitting(request), 0);
  const std::string message = MessageOf(request);
  EXPECT_THAT(message, HasSubstr("Not even one frame of this size fits; all of "
                                 "them would with "));
  EXPECT_THAT(message, HasSubstr(" free on each GPU"));
  const int64_t needed = NeededGpuBytes(request);
  for (DeviceRates& device : request.devices) device.free_bytes = needed;
  EXPECT_TRUE(Fits(request));
  for (DeviceRates& device : request.devices) {
    device.free_bytes = needed - (int64_t{128} << 20);
  }
  EXPECT_FALSE(Fits(request));
}

}  // namespace
}  // namespace halfpipe
