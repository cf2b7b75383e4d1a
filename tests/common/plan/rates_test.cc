#include "common/plan/rates.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string MessageOf(const std::string& text) {
  return std::string(ParseRates(text, "rates.json").status().message());
}

// The built-in entry with one piece of its text replaced.
std::string Edited(const std::string& from, const std::string& to) {
  return absl::StrReplaceAll(RatesText({MeasuredH200()}), {{from, to}});
}

TEST(RatesTest, TextReadsBackEqual) {
  DeviceRates slow = MeasuredH200();
  slow.name = "card \"two\"";
  slow.link_uses_pcie = true;
  slow.fp8_matmul_flops_per_second = 0.0;
  slow.host_to_device_bytes_per_second = 12.5e9;
  slow.free_bytes = 123;
  const auto read = ParseRates(RatesText({MeasuredH200(), slow}), "rates.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(*read, ElementsAre(MeasuredH200(), slow));
}

TEST(RatesTest, TheBuiltInDeviceIsSound) {
  EXPECT_TRUE(CheckRates(MeasuredH200()).ok());
  EXPECT_EQ(MeasuredH200().name, "NVIDIA H200");
}

TEST(RatesTest, EveryFaultNamesFileAndField) {
  EXPECT_THAT(MessageOf("{"), HasSubstr("rates.json: this is no JSON"));
  EXPECT_THAT(MessageOf("[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(MessageOf("{}"), HasSubstr("schema: expected 1, found nothing"));
  EXPECT_THAT(MessageOf(R"({"schema": 1, "devices": []})"),
              HasSubstr("devices: expected a list"));
  EXPECT_THAT(MessageOf(R"({"schema": 1, "devices": [3]})"),
              HasSubstr("devices[0]: device: expected an object, found 3"));
  EXPECT_THAT(MessageOf(Edited("link_uses_pcie", "pcie_link")),
              HasSubstr("devices[0]: 'pcie_link' is no field"));
  EXPECT_THAT(
      MessageOf(Edited("\"link_uses_pcie\": false", "\"link_uses_pcie\": 0")),
      HasSubstr("link_uses_pcie: expected true or false, found 0"));
  EXPECT_THAT(MessageOf(Edited("55000000000.0", "\"fast\"")),
              HasSubstr("expected a number, found \"fast\""));
  EXPECT_THAT(MessageOf(Edited("55000000000.0", "-1")),
              HasSubstr("expected a number above 0, found -1"));
  EXPECT_THAT(MessageOf(Edited("150754820096", "1.5")),
              HasSubstr("total_bytes: expected a whole number of bytes"));
  EXPECT_THAT(MessageOf(Edited("\"NVIDIA H200\"", "null")),
              HasSubstr("name: expected a text"));
}

TEST(RatesTest, TheLineIsTheKeys) {
  // {, schema, devices: [, {, name: line 5, matmul: 6, ...
  EXPECT_THAT(MessageOf(Edited("\"NVIDIA H200\"", "null")),
              HasSubstr("rates.json:5: devices[0]: name: expected a text"));
  EXPECT_THAT(
      MessageOf(Edited("\"fp8_matmul_flops", "\"fp9_matmul_flops")),
      HasSubstr("rates.json:7: devices[0]: 'fp9_matmul_flops_per_second' is no "
                "field of a device's rates; did you mean "
                "'fp8_matmul_flops_per_second'?"));
  // Of the second device, whose fields have the names of the first's.
  DeviceRates second = MeasuredH200();
  second.name = "broken";
  std::string text = RatesText({MeasuredH200(), second});
  const size_t at = text.find("\"broken\"");
  const size_t value = text.find("55000000000.0", at);
  text.replace(value, 1, "-");
  const auto line =
      1 + std::count(text.begin(),
                     text.begin() + static_cast<std::ptrdiff_t>(value), '\n');
  EXPECT_THAT(MessageOf(text),
              HasSubstr("rates.json:" + std::to_string(line) +
                        ": devices[1]: host_to_device_bytes_per_second: "));
  // What is missing has the line of its device.
  EXPECT_THAT(MessageOf("{\"schema\": 1,\n\"devices\": [\n{}]}"),
              HasSubstr("rates.json:3: devices[0]: name: expected a text"));
  EXPECT_THAT(MessageOf("{\n\"schema\": 2}"),
              HasSubstr("rates.json:2: schema: expected 1, found 2"));
  EXPECT_THAT(MessageOf("{\n\"schema\": 1,\n,}"),
              HasSubstr("rates.json:3: this is no JSON"));
}

TEST(RatesTest, NumbersThatAreNoRatesAreRefused) {
  for (double value :
       {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    DeviceRates rates = MeasuredH200();
    rates.matmul_flops_per_second = value;
    EXPECT_THAT(CheckRates(rates).message(),
                HasSubstr("matmul_flops_per_second"));
  }
  DeviceRates rates = MeasuredH200();
  rates.free_bytes = -1;
  EXPECT_THAT(CheckRates(rates).message(), HasSubstr("free_bytes"));
  rates.free_bytes = 0;  // a GPU that is full is no fault of the rates
  EXPECT_TRUE(CheckRates(rates).ok());
  rates.total_bytes = 0;
  EXPECT_THAT(CheckRates(rates).message(), HasSubstr("total_bytes"));
}

TEST(RatesTest, AFileIsReadByName) {
  const std::string path = ::testing::TempDir() + "/rates_test.json";
  ASSERT_TRUE(WriteFileAtomically(path, RatesText({MeasuredH200()})).ok());
  EXPECT_THAT(ReadRatesFile(path).value(), ElementsAre(MeasuredH200()));
  ASSERT_TRUE(WriteFileAtomically(path, "no").ok());
  EXPECT_THAT(ReadRatesFile(path).status().message(), HasSubstr(path));
  EXPECT_EQ(ReadRatesFile(path + ".none").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(RatesTest, CardsOfOneNameAreLevelledAndOthersAreNot) {
  DeviceRates slow = MeasuredH200();
  slow.matmul_flops_per_second /= 2.0;
  slow.free_bytes = 5;
  DeviceRates other = slow;
  other.name = "another";
  const std::vector<DeviceRates> same = LevelEqualCards({MeasuredH200(), slow});
  EXPECT_EQ(same[0].matmul_flops_per_second, slow.matmul_flops_per_second);
  EXPECT_EQ(same[1].matmul_flops_per_second, slow.matmul_flops_per_second);
  EXPECT_EQ(same[0].free_bytes, MeasuredH200().free_bytes);
  EXPECT_EQ(same[1].free_bytes, 5);
  const std::vector<DeviceRates> uneven = {MeasuredH200(), other};
  EXPECT_EQ(LevelEqualCards(uneven), uneven);
}

}  // namespace
}  // namespace halfpipe
