#include "common/encoders/mojibake.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/encoders/utf8_text.h"
#include "common/encoders/windows_1252.h"

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

bool IsC1(char32_t c) { return c >= 0x80 && c <= 0x9F; }

// The length in characters of the misread UTF-8 sequence at `at`; 0: none.
size_t SequenceLength(const std::u32string& text, size_t at) {
  const std::optional<uint8_t> lead = MisreadByte(text[at]);
  const size_t more = lead.has_value() ? Continuations(*lead) : 0;
  if (more == 0 || text.size() - at <= more) return 0;
  for (size_t i = 1; i <= more; ++i) {
    const std::optional<uint8_t> byte = MisreadByte(text[at + i]);
    if (!byte.has_value() || !(IsContinuation(*byte) || *byte == kLostByte)) {
      return 0;
    }
  }
  return more + 1;
}

// Punctuation that people do put behind an accented letter, so that it proves
// nothing: no-break space, soft hyphen, middle dot, acute, dashes, ellipsis,
// right quotes and guillemets, registered and trade mark.
bool IsOrdinaryAfterLetter(char32_t c) {
  switch (c) {
    case 0xA0:
    case 0xAD:
    case 0xB7:
    case 0xB4:
    case 0x2013:
    case 0x2014:
    case 0x2026:
    case 0x2019:
    case 0x201D:
    case 0x203A:
    case 0xBB:
    case 0xAE:
    case 0x2122:
      return true;
    default:
      return false;
  }
}

bool IsLetterOf1252(char32_t c) {
  return c == 0x152 || c == 0x153 || c == 0x160 || c == 0x161 || c == 0x178 ||
         c == 0x17D || c == 0x17E;
}

// The capitals by which Latin-1, Greek and Cyrillic letters begin when misread
// (Â Ã Î Ð): behind them any continuation is suspect.
bool IsNotoriousLead(char32_t c) {
  return c == 0xC2 || c == 0xC3 || c == 0xCE || c == 0xD0;
}

// Whether the sequence of `length` characters at `at` is no ordinary spelling.
bool IsSuspect(const std::u32string& text, size_t at, size_t length) {
  const char32_t lead = text[at];
  if (length == 2) {
    const char32_t next = text[at + 1];
    if (IsNotoriousLead(lead)) return true;
    // A multiplication sign may stand before a fraction.
    if (lead == 0xD7 && next >= 0xBC && next <= 0xBE) return false;
    return !IsOrdinaryAfterLetter(next) && !IsLetterOf1252(next);
  }
  // Small accented letters: only closing punctuation may follow twice.
  return !std::all_of(text.begin() + at + 1, text.begin() + at + length,
                      IsOrdinaryAfterLetter);
}

// Â or Ã before a space that was a no-break space, where no word ends in it.
bool IsSpacedLead(const std::u32string& text, size_t at) {
  if ((text[at] != 0xC2 && text[at] != 0xC3) || at + 1 >= text.size() ||
      text[at + 1] != ' ') {
    return false;
  }
  if (at == 0) return true;
  const size_t before = at > 1 && IsSpace(text[at - 1]) ? at - 2 : at - 1;
  return text[before] >= 'a' && text[before] <= 'z';
}

bool LooksMisread(const std::u32string& text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsC1(text[at]) || IsSpacedLead(text, at)) return true;
    const size_t length = SequenceLength(text, at);
    if (length != 0 && IsSuspect(text, at, length)) return true;
  }
  return false;
}

// "Ã " is "à" and, where a word of its own follows, also the space; "Â " is a
// no-break space.
std::string RestoreNoBreakSpaces(absl::string_view bytes) {
  constexpr absl::string_view kJoined[] = {" ", "quele", "quela", "quilo",
                                           "s "};
  std::string result;
  for (size_t at = 0; at < bytes.size(); ++at) {
    result.push_back(bytes[at]);
    const bool grave = bytes[at] == '\xC3';
    if ((!grave && bytes[at] != '\xC2') || bytes.substr(at + 1, 1) != " ") {
      continue;
    }
    const absl::string_view rest = bytes.substr(at + 2);
    result.push_back('\xA0');
    ++at;
    if (grave && std::none_of(std::begin(kJoined), std::end(kJoined),
                              [&](absl::string_view joined) {
                                return rest.substr(0, joined.size()) == joined;
                              })) {
      result.push_back(' ');
    }
  }
  return result;
}

// UTF-8 sequences with lost bytes, and lone lost bytes, become U+FFFD.
std::string ReplaceLostBytes(absl::string_view bytes) {
  constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
  std::string result;
  for (size_t at = 0; at < bytes.size();) {
    const size_t more = Continuations(static_cast<uint8_t>(bytes[at]));
    const absl::string_view tail = bytes.substr(at + 1, more);
    const bool sequence =
        tail.size() == more &&
        std::all_of(tail.begin(), tail.end(), [](char c) {
          return c == kLostByte || IsContinuation(static_cast<uint8_t>(c));
        });
    if (more != 0 && sequence &&
        tail.find(kLostByte) != absl::string_view::npos) {
      result.append(kReplacement.data(), kReplacement.size());
      at += more + 1;
    } else if (bytes[at] == kLostByte) {
      result.append(kReplacement.data(), kReplacement.size());
      ++at;
    } else {
      result.push_back(bytes[at++]);
    }
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

// Runs of misread sequences inside text that is otherwise right.
std::u32string FixRuns(const std::u32string& text) {
  std::u32string result;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size()) {
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
