#include "client/demo/avi_file.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

uint32_t NumberAt(const std::string& bytes, size_t place) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[place + i])} << (8 * i);
  }
  return value;
}

const std::vector<Rgb> kTwoRows = {{1, 2, 3}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0},
                                   {4, 5, 6}, {0, 0, 0}, {0, 0, 0}, {7, 8, 9}};

TEST(AviFileTest, ChunksFillTheFile) {
  const std::string file = AviFile({kTwoRows, kTwoRows}, 4, 2, 16);
  EXPECT_EQ(file.substr(0, 4), "RIFF");
  EXPECT_EQ(NumberAt(file, 4) + 8, file.size());
  EXPECT_EQ(file.substr(8, 8), "AVI LIST");
  const size_t movie = 20 + NumberAt(file, 16);
  EXPECT_EQ(file.substr(movie, 4), "LIST");
  EXPECT_EQ(file.substr(movie + 8, 4), "movi");
  const size_t index = movie + 8 + NumberAt(file, movie + 4);
  EXPECT_EQ(file.substr(index, 4), "idx1");
  EXPECT_EQ(NumberAt(file, index + 4), 2u * 16u);
  EXPECT_EQ(index + 8 + 32, file.size());
}

TEST(AviFileTest, HeadersSaySizeRateAndLength) {
  const std::string file = AviFile({kTwoRows, kTwoRows, kTwoRows}, 4, 2, 16);
  const size_t main = file.find("avih") + 8;
  EXPECT_EQ(NumberAt(file, main), 62'500u);  // microseconds
  EXPECT_EQ(NumberAt(file, main + 16), 3u);
  EXPECT_EQ(NumberAt(file, main + 32), 4u);
  EXPECT_EQ(NumberAt(file, main + 36), 2u);
  EXPECT_EQ(NumberAt(file, file.find("avih") + 4), 56u);
  EXPECT_EQ(NumberAt(file, file.find("strh") + 4), 56u);
  EXPECT_EQ(NumberAt(file, file.find("strf") + 4), 40u);
}

// What other readers make of it: tests/e2e/demo_test.sh and wheel_test.sh train
// on such clips.
TEST(AviFileTest, TheLowestRowComesFirstInBlueGreenRed) {
  const std::string file = AviFile({kTwoRows}, 4, 2, 16);
  const size_t frame = file.find("00db");
  EXPECT_EQ(NumberAt(file, frame + 4), 24u);
  const std::string pixels = file.substr(frame + 8, 24);
  EXPECT_EQ(pixels.substr(0, 3), "\x06\x05\x04");
  EXPECT_EQ(pixels.substr(9, 3), "\x09\x08\x07");
  EXPECT_EQ(pixels.substr(12, 3), "\x03\x02\x01");
}

TEST(AviFileTest, TheIndexLeadsToEachFrame) {
  const std::string file = AviFile({kTwoRows, kTwoRows}, 4, 2, 16);
  const size_t movie = file.find("movi");
  const size_t index = file.find("idx1") + 8;
  for (size_t i = 0; i < 2; ++i) {
    const size_t entry = index + 16 * i;
    EXPECT_EQ(file.substr(entry, 4), "00db");
    EXPECT_EQ(file.substr(movie + NumberAt(file, entry + 8), 4), "00db");
    EXPECT_EQ(NumberAt(file, entry + 12), 24u);
  }
}

}  // namespace
}  // namespace halfpipe
