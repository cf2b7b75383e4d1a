#include "common/config/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

struct Unit {
  absl::string_view name;
  int64_t factor;
};

constexpr std::array<Unit, 9> kByteUnits = {{
    {"TiB", int64_t{1} << 40},
    {"GiB", int64_t{1} << 30},
    {"MiB", int64_t{1} << 20},
    {"KiB", int64_t{1} << 10},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"KB", 1'000},
    {"B", 1},
}};

constexpr std::array<Unit, 4> kTimeUnits = {{
    {"d", 86400},
    {"h", 3600},
    {"min", 60},
    {"s", 1},
}};

// `text` = number, optional blanks, unit. A missing unit has factor 1 where
// `bare` allows it.
absl::StatusOr<int64_t> Parse(absl::string_view text,
                              std::span<const Unit> units, bool bare,
                              absl::string_view expected) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  size_t digits = 0;
  while (digits < rest.size() &&
         (absl::ascii_isdigit(rest[digits]) || rest[digits] == '.')) {
    ++digits;
  }
  absl::string_view unit_name = absl::StripAsciiWhitespace(rest.substr(digits));
  int64_t factor = unit_name.empty() && bare ? 1 : 0;
  for (const Unit& unit : units) {
    if (unit.name == unit_name) factor = unit.factor;
  }
  double number = 0.0;
  if (factor == 0 || !absl::SimpleAtod(rest.substr(0, digits), &number) ||
      number * static_cast<double>(factor) > 9.0e18) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not ", expected));
  }
  return static_cast<int64_t>(
      std::llround(number * static_cast<double>(factor)));
}

}  // namespace

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  return Parse(text, kByteUnits, /*bare=*/true,
               "a size such as 22GiB or 512MiB (KiB, MiB, GiB, TiB, KB, MB, "
               "GB, TB)");
}

std::string FormatBytes(int64_t bytes) {
  for (const Unit& unit : std::span(kByteUnits).first(4)) {
    if (bytes != 0 && bytes % unit.factor == 0) {
      return absl::StrCat(bytes / unit.factor, unit.name);
    }
  }
  return absl::StrCat(bytes, "B");
}

absl::StatusOr<int64_t> ParseSeconds(absl::string_view text) {
  return Parse(text, kTimeUnits, /*bare=*/false,
               "a duration such as 30min or 2h (s, min, h, d)");
}

std::string FormatSeconds(int64_t seconds) {
  for (const Unit& unit : kTimeUnits) {
    if (seconds != 0 && seconds % unit.factor == 0) {
      return absl::StrCat(seconds / unit.factor, unit.name);
    }
  }
  return absl::StrCat(seconds, "s");
}

std::string FormatReal(double value) {
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, end);
  if (absl::StrContains(text, ".")) return text;
  size_t exponent = text.find('e');
  if (exponent == std::string::npos) return text + ".0";
  return text.insert(exponent, ".0");
}

}  // namespace halfpipe
