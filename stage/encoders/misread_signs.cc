#include "stage/encoders/misread_signs.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "stage/encoders/utf8_text.h"

namespace halfpipe {
namespace {

// Kinds of characters, as bits, so that a rule can name several.
enum Kind : uint16_t {
  kOther = 1 << 0,
  kCommon = 1 << 1,  // may stand anywhere
  kBad = 1 << 2,     // hardly ever meant
  kLaw = 1 << 3,
  kCurrency = 1 << 4,
  kOpen = 1 << 5,   // begins a word or a quotation
  kClose = 1 << 6,  // ends one
  kNumeric = 1 << 7,
  kUpper = 1 << 8,  // accented letters, without those of kaomoji
  kLower = 1 << 9,
  kC1 = 1 << 10,
};

constexpr uint16_t kSymbol = kOpen | kClose | kCurrency | kNumeric | kLaw;
constexpr uint16_t kAccented = kUpper | kLower;

// The kinds of U+00A0 to U+00BF.
constexpr Kind kLatin1Symbols[] = {
    kCommon,  kOpen,    kCurrency, kCurrency, kBad,     kCurrency, kBad,
    kLaw,     kBad,     kOpen,     kBad,      kOpen,    kBad,      kCommon,
    kClose,   kBad,     kOther,    kNumeric,  kNumeric, kNumeric,  kCommon,
    kNumeric, kLaw,     kCommon,   kBad,      kNumeric, kBad,      kClose,
    kNumeric, kNumeric, kNumeric,  kOpen};

Kind KindOfLatin1(char32_t c) {
  if (IsBetween(c, 0x80, 0x9F)) return kC1;
  if (IsBetween(c, 0xA0, 0xBF)) return kLatin1Symbols[c - 0xA0];
  if (IsBetween(c, 0xC0, 0xD1) || c == 0xD8 || c == 0xDC || c == 0xDD) {
    return kUpper;
  }
  if (IsBetween(c, 0xDF, 0xF1) || c == 0xFC) return kLower;
  return c == 0xD7 || c == 0xF7 ? kNumeric : kOther;
}

// Beyond Latin-1 only what Windows-1252 has.
Kind KindOf(char32_t c) {
  if (c < 0x100) return KindOfLatin1(c);
  switch (c) {
    case 0x2013:  // dashes, right single quote, ellipsis
    case 0x2014:
    case 0x2019:
    case 0x2026:
      return kCommon;
    case 0x192:  // f with hook, modifiers, daggers, per mille
    case 0x2C6:
    case 0x2DC:
    case 0x2020:
    case 0x2021:
    case 0x2030:
    case kReplacementCharacter:
      return kBad;
    case 0x2018:  // opening and low quotes, bullet
    case 0x201A:
    case 0x201C:
    case 0x201E:
    case 0x2022:
    case 0x2039:
      return kOpen;
    case 0x201D:  // closing quotes, trade mark
    case 0x203A:
    case 0x2122:
      return kClose;
    case 0x152:  // OE, S and Z with caron, Y with diaeresis
    case 0x160:
    case 0x178:
    case 0x17D:
      return kUpper;
    case 0x153:
    case 0x161:
    case 0x17E:
      return kLower;
    default:
      return c == 0x20AC ? kCurrency : kOther;
  }
}

// What makes a pair suspect, by the kind of its first character.
uint16_t SuspectAfter(Kind first) {
  uint16_t after = 0;
  if (first & (kBad | kAccented | kSymbol)) after |= kBad;
  if (first & kBad) after |= kAccented | kSymbol;
  if (first & (kLower | kClose | kCurrency | kNumeric)) after |= kUpper;
  if (first & (kClose | kCurrency | kNumeric)) after |= kLower;
  if (first & (kLower | kClose)) after |= kCurrency;
  if (first & kUpper) after |= kNumeric | kLaw;
  if (first & (kCurrency | kNumeric)) after |= kOpen;
  return after;
}

bool IsSuspectTriple(Kind a, Kind b, char32_t third) {
  const Kind c = KindOf(third);
  if ((a & (kAccented | kCurrency | kClose)) && b == kOpen && c == kNumeric) {
    return true;
  }
  if ((a & (kAccented | kCurrency | kNumeric | kLaw)) && b == kClose &&
      c == kOpen) {
    return true;
  }
  return (a & kAccented) && (b & (kOpen | kClose)) && IsWordCharacter(third);
}

bool IsAsciiLower(char32_t c) { return IsBetween(c, 'a', 'z'); }

// A capital letter behind a word or a space, and a symbol behind that.
bool IsSuspectCapital(char32_t before, Kind letter, Kind next) {
  if (letter != kUpper) return false;
  if (IsSpace(before) && next == kCurrency) return true;
  return IsAsciiLower(before) && (next & (kOpen | kCurrency));
}

// Letters by which misread ones begin so often that more behind them counts:
// Latin-1, Greek and Cyrillic (Â Ã Î Ð), oe, à of South Asian scripts, × of
// Hebrew.
bool IsSuspectAfterLead(char32_t lead, char32_t next) {
  const Kind kind = KindOf(next);
  switch (lead) {
    case 0xC2:
    case 0xC3:
    case 0xCE:
    case 0xD0:
      return (kind & (kOpen | kClose)) || next == 0x20AC || next == 0x153 ||
             next == 0x160 || next == 0x161 || next == 0x178 || next == 0x17E ||
             next == 0xA2 || next == 0xA3 || next == 0xA0 || next == 0xAD ||
             next == 0xB0 || next == 0xB7 || next == 0xB4 || next == 0x2013 ||
             next == 0x2014;
    case 0x152:
    case 0x153:
      return next >= 0x80 || !absl::ascii_isalpha(static_cast<uint8_t>(next));
    case 0xE0:
      return next == 0xB2 || next == 0xB5 || next == 0xB9 ||
             IsBetween(next, 0xBC, 0xBE);
    case 0xD7:
      return next == 0xB2 || next == 0xB3;
    default:
      return KindOf(lead) == kUpper && next == 0xB0;
  }
}

// Ø or Ù and one of the characters that Arabic letters end in.
bool IsArabicPair(char32_t lead, char32_t next) {
  if (lead != 0xD8 && lead != 0xD9) return false;
  return (KindOf(next) & (kCommon | kCurrency | kBad | kNumeric | kOpen)) ||
         next == 0x178 || next == 0x160 || next == 0xAE || next == 0xB0 ||
         next == 0xBB;
}

// Â or Ã before a plain space that was a no-break space.
bool IsSpacedLead(const std::u32string& text, size_t at) {
  if ((text[at] != 0xC2 && text[at] != 0xC3) || text[at + 1] != ' ') {
    return false;
  }
  if (at == 0 || IsAsciiLower(text[at - 1])) return true;
  if (at > 1 && IsSpace(text[at - 1])) return IsAsciiLower(text[at - 2]);
  const char32_t before = text[at - 1];
  return text[at] == 0xC2 && (before == '.' || before == ',' || before == '?' ||
                              before == '!' || KindOf(before) == kClose);
}

// REQUIRES: a character behind `at`.
bool IsSuspectAt(const std::u32string& text, size_t at) {
  const Kind kind = KindOf(text[at]);
  const char32_t next = text[at + 1];
  if (SuspectAfter(kind) & KindOf(next)) return true;
  if (IsSuspectAfterLead(text[at], next) || IsSpacedLead(text, at)) return true;
  if (at > 0 && IsSuspectCapital(text[at - 1], kind, KindOf(next))) return true;
  if (at + 2 < text.size() &&
      IsSuspectTriple(kind, KindOf(next), text[at + 2])) {
    return true;
  }
  return at + 3 < text.size() && IsArabicPair(text[at], next) &&
         IsArabicPair(text[at + 2], text[at + 3]);
}

}  // namespace

bool LooksMisread(const std::u32string& text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (KindOf(text[at]) == kC1) return true;
    if (text[at] < 0x80 || at + 1 == text.size()) continue;
    if (IsSuspectAt(text, at)) return true;
  }
  return false;
}

}  // namespace halfpipe
