#include "stage/encoders/mojibake.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "stage/encoders/misread_signs.h"
#include "stage/encoders/utf8_text.h"
#include "stage/encoders/windows_1252.h"

namespace halfpipe {
namespace {

constexpr char kLostByte = 0x1A;  // what U+FFFD becomes, SUBSTITUTE
constexpr int kMaxRounds = 16;    // text misread more often than this stays

// The byte a character was misread from; U+FFFD stands for a lost one.
std::optional<uint8_t> MisreadByte(char32_t c) {
  if (c == kReplacementCharacter) return kLostByte;
  if (c == kLostByte) return std::nullopt;
  return ToWindows1252(c);
}

// How many continuation bytes a lead byte announces; 0 for any other byte.
size_t Continuations(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return 1;
  if (byte >= 0xE0 && byte <= 0xEF) return 2;
  if (byte >= 0xF0 && byte <= 0xF4) return 3;
  return 0;
}

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Punctuation that may stand between words of any text.
bool IsFreePunctuation(char32_t c) {
  return c == ' ' || IsBetween(c, 0x2013, 0x2014) ||
         IsBetween(c, 0x2018, 0x201E) || c == 0x2022 || c == 0x2026;
}

// A space may be what became of a no-break space, byte A0.
bool MayContinue(char32_t c) {
  const std::optional<uint8_t> byte = ToWindows1252(c);
  return c == ' ' || (byte.has_value() && IsContinuation(*byte));
}

// The length in characters of the misread UTF-8 sequence at `at`; 0: none.
size_t SequenceLength(const std::u32string& text, size_t at) {
  const std::optional<uint8_t> lead = ToWindows1252(text[at]);
  const size_t more = lead.has_value() ? Continuations(*lead) : 0;
  if (more == 0 || text.size() - at <= more) return 0;
  const auto begin = text.begin() + at + 1;
  return std::all_of(begin, begin + more, MayContinue) ? more + 1 : 0;
}

// A continuation byte that U+0085, often a misread ellipsis, cannot be.
bool IsClearContinuation(uint8_t byte) {
  return IsContinuation(byte) && byte != 0x85 && byte != 0xA0;
}

// How long the sequence at the front of `bytes` is that would be likely UTF-8
// if its space were byte A0; 0: none. Lead bytes that would give unlikely
// characters are left out.
size_t SpacedSequenceLength(absl::string_view bytes) {
  const auto byte = [&](size_t i) {
    return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : uint8_t{0};
  };
  const uint8_t lead = byte(0);
  switch (lead) {
    case 0xC2:
    case 0xC3:
    case 0xC5:
    case 0xCE:
    case 0xD0:
    case 0xD9:
      return byte(1) == ' ' ? 2 : 0;
    case 0xE2:
    case 0xE3:
      if (byte(1) == ' ' && IsClearContinuation(byte(2))) return 3;
      [[fallthrough]];
    case 0xE0:
    case 0xE1:
      return IsClearContinuation(byte(1)) && byte(2) == ' ' ? 3 : 0;
    case 0xF0: {
      int spaces = 0;
      for (size_t i = 1; i <= 3; ++i) {
        if (byte(i) == ' ') {
          ++spaces;
        } else if (!IsContinuation(byte(i))) {
          return 0;
        }
      }
      return spaces == 1 ? 4 : 0;
    }
    default:
      return 0;
  }
}

// "\xC3 " is mostly the word "à" that lost its no-break space to the space
// behind it; not so in the contractions "às", "àquele" and their like.
bool IsGraveWord(absl::string_view bytes) {
  constexpr absl::string_view kJoined[] = {" ", "quele", "quela", "quilo",
                                           "s "};
  return absl::ConsumePrefix(&bytes, "\xC3 ") &&
         std::none_of(std::begin(kJoined), std::end(kJoined),
                      [&](absl::string_view joined) {
                        return absl::StartsWith(bytes, joined);
                      });
}

std::string RestoreNoBreakSpaces(absl::string_view bytes) {
  std::string result;
  while (!bytes.empty()) {
    if (IsGraveWord(bytes)) {
      result += "\xC3\xA0 ";
      bytes.remove_prefix(2);
      continue;
    }
    const size_t length = std::max<size_t>(SpacedSequenceLength(bytes), 1);
    for (const char c : bytes.substr(0, length)) {
      result.push_back(length > 1 && c == ' ' ? '\xA0' : c);
    }
    bytes.remove_prefix(length);
  }
  return result;
}

// Whether `tail` is what follows `lead` with at least one byte lost: shown as
// U+FFFD, or, once, as '?'.
bool IsLossyTail(uint8_t lead, absl::string_view tail) {
  int lost = 0;
  int question_marks = 0;
  for (const char c : tail) {
    if (c == '?') {
      ++question_marks;
    } else if (c == kLostByte) {
      ++lost;
    } else if (!IsContinuation(static_cast<uint8_t>(c))) {
      return false;
    }
  }
  if (tail.size() == 1 && lead > 0xC3 && question_marks > 0) return false;
  return question_marks <= 1 && question_marks + lost > 0;
}

// UTF-8 sequences with lost bytes, and lone lost bytes, become U+FFFD.
std::string ReplaceLostBytes(absl::string_view bytes) {
  constexpr char kReplacement[] = "\xEF\xBF\xBD";
  std::string result;
  while (!bytes.empty()) {
    const auto lead = static_cast<uint8_t>(bytes[0]);
    const size_t more = Continuations(lead);
    const absl::string_view tail = bytes.substr(1, more);
    if (more != 0 && tail.size() == more && IsLossyTail(lead, tail)) {
      result += kReplacement;
      bytes.remove_prefix(more + 1);
      continue;
    }
    if (bytes[0] == kLostByte) {
      result += kReplacement;
    } else {
      result.push_back(bytes[0]);
    }
    bytes.remove_prefix(1);
  }
  return result;
}

std::optional<std::u32string> ReadWholeAsUtf8(const std::u32string& text) {
  std::string bytes;
  for (char32_t c : text) {
    const std::optional<uint8_t> byte = MisreadByte(c);
    if (!byte.has_value()) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  std::u32string fixed;
  if (!DecodeUtf8Strictly(ReplaceLostBytes(RestoreNoBreakSpaces(bytes)),
                          &fixed)) {
    return std::nullopt;
  }
  return fixed;
}

// Runs of misread sequences inside text that is otherwise right. A run does
// not begin in the middle of a longer garble, which would make it worse.
std::u32string FixRuns(const std::u32string& text) {
  std::u32string result;
  for (size_t at = 0; at < text.size();) {
    const bool inside =
        at > 0 && MayContinue(text[at - 1]) && !IsFreePunctuation(text[at - 1]);
    size_t end = at;
    while (!inside && end < text.size()) {
      const size_t length = SequenceLength(text, end);
      if (length == 0) break;
      end += length;
    }
    if (end == at) {
      result.push_back(text[at++]);
      continue;
    }
    const std::u32string run = text.substr(at, end - at);
    const bool whole = run.size() == text.size();
    result += !whole && LooksMisread(run) ? FixMojibake(run) : run;
    at = end;
  }
  return result;
}

std::u32string FixOnce(const std::u32string& text) {
  if (!LooksMisread(text)) return text;
  if (auto fixed = ReadWholeAsUtf8(text)) return *fixed;
  std::u32string fixed = FixRuns(text);
  if (fixed != text) return fixed;
  std::transform(fixed.begin(), fixed.end(), fixed.begin(), FromWindows1252);
  return fixed;
}

}  // namespace

std::u32string FixMojibake(const std::u32string& text) {
  std::u32string fixed = text;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::u32string next = FixOnce(fixed);
    if (next == fixed) break;
    fixed = std::move(next);
  }
  return fixed;
}

}  // namespace halfpipe
