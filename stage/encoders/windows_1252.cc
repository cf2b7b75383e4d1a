#include "stage/encoders/windows_1252.h"

#include <algorithm>
#include <array>

namespace halfpipe {
namespace {

constexpr char32_t kFirst = 0x80;
// Bytes 0x80 to 0x9F; all others are those of Latin-1.
constexpr std::array<char32_t, 32> kSpecial = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
    0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

}  // namespace

char32_t FromWindows1252(char32_t byte) {
  const char32_t index = byte - kFirst;
  return byte >= kFirst && index < kSpecial.size() ? kSpecial[index] : byte;
}

std::optional<uint8_t> ToWindows1252(char32_t c) {
  if (c < 0x100) return static_cast<uint8_t>(c);
  const auto it = std::find(kSpecial.begin(), kSpecial.end(), c);
  if (it == kSpecial.end()) return std::nullopt;
  return static_cast<uint8_t>(kFirst + (it - kSpecial.begin()));
}

}  // namespace halfpipe
