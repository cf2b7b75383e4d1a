#include "client/report/card_table.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CardTableTest, ACardIsFoundByWhatPeopleCallIt) {
  for (const char* name : {"rtx4090", "RTX 4090", "4090", "GeForce RTX 4090",
                           "NVIDIA GeForce RTX 4090", "rtx-4090"}) {
    const auto card = FindCard(name);
    ASSERT_TRUE(card.ok()) << card.status();
    EXPECT_STREQ(card->id, "rtx4090");
  }
  EXPECT_STREQ(FindCard("NVIDIA A100 80GB")->id, "a100-80gb");
}

TEST(CardTableTest, AnUnknownNameGetsTheNearest) {
  const std::string message(FindCard("rtx4099").status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("'rtx4099' is not in the table"),
                             HasSubstr("rtx4090"), HasSubstr("--rates")));
  EXPECT_FALSE(FindCard("").ok());
  EXPECT_THAT(std::string(FindCard("rtx4060ti").status().message()),
              HasSubstr("rtx4060ti-16gb"));
}

TEST(CardTableTest, EveryCardGivesRatesThatCanBePlannedWith) {
  std::set<std::string> ids;
  for (const Card& card : CardTable()) {
    EXPECT_TRUE(ids.insert(card.id).second) << card.id;
    EXPECT_STREQ(FindCard(card.id)->id, card.id);
    EXPECT_STREQ(FindCard(card.name)->id, card.id);
    const DeviceRates rates = RatesOfCards({card}, {}).front();
    EXPECT_TRUE(CheckRates(rates).ok()) << card.id << CheckRates(rates);
    EXPECT_LT(rates.free_bytes, rates.total_bytes);
    EXPECT_TRUE(rates.link_uses_pcie);
    // Twice the rate of bf16, where there is fp8.
    if (card.fp8_tflops > 0.0) {
      EXPECT_NEAR(card.fp8_tflops / card.bf16_tflops, 2.0, 0.03) << card.id;
    }
  }
}

// The H200 is where the parts come from.
TEST(CardTableTest, TheMeasuredCardGetsWhatWasMeasured) {
  const Card h200 = FindCard("h200").value();
  const DeviceRates rates = RatesOfCards({h200, h200}, {}).front();
  const DeviceRates& measured = MeasuredH200();
  const double ratios[] = {
      rates.matmul_flops_per_second / measured.matmul_flops_per_second,
      rates.fp8_matmul_flops_per_second / measured.fp8_matmul_flops_per_second,
      rates.attention_forward_flops_per_second /
          measured.attention_forward_flops_per_second,
      rates.attention_backward_flops_per_second /
          measured.attention_backward_flops_per_second,
      rates.elementwise_bytes_per_second /
          measured.elementwise_bytes_per_second,
      rates.host_to_device_bytes_per_second /
          measured.host_to_device_bytes_per_second};
  for (const double ratio : ratios) EXPECT_NEAR(ratio, 1.0, 1e-9);
  EXPECT_EQ(rates.link_bytes_per_second, measured.link_bytes_per_second);
  EXPECT_FALSE(rates.link_uses_pcie);
  EXPECT_LT(rates.free_bytes, measured.free_bytes);
}

TEST(CardTableTest, PcieIsOneForAllOrOneACard) {
  EXPECT_NEAR(ParsePcie("4x8")->bytes_per_second(), 15.75e9, 0.01e9);
  EXPECT_NEAR(ParsePcie("2x16")->bytes_per_second(), 8e9, 1.0);
  for (const char* bad : {"", "4", "4x", "x8", "7x8", "4x5", "4x8x1", "0x1"}) {
    EXPECT_FALSE(ParsePcie(bad).ok()) << bad;
  }
  const Card card = FindCard("rtx4090").value();
  const PcieLink wide{4, 16};
  const PcieLink narrow{4, 4};
  const auto same = RatesOfCards({card, card}, {narrow});
  EXPECT_EQ(same[0], same[1]);
  const auto mixed = RatesOfCards({card, card}, {wide, narrow});
  EXPECT_EQ(mixed[0].host_to_device_bytes_per_second,
            4 * mixed[1].host_to_device_bytes_per_second);
  // What crosses takes the narrow one.
  EXPECT_EQ(mixed[0].link_bytes_per_second,
            mixed[1].host_to_device_bytes_per_second);
}

TEST(CardTableTest, TheAssumptionIsSaid) {
  EXPECT_THAT(AssumedPartsText(),
              AllOf(HasSubstr("products 75 %"), HasSubstr("memory 75 %")));
}

}  // namespace
}  // namespace halfpipe
