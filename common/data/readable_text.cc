#include "common/data/readable_text.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/printable_text.h"
#include "common/data/media_path.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

constexpr absl::string_view kMark = "\xEF\xBB\xBF";
constexpr size_t kMaxProblems = 5;
constexpr size_t kShownBytes = 60;
constexpr absl::string_view kHowToConvert =
    "save it as UTF-8 (a spreadsheet's 'CSV UTF-8', or: iconv -f ENCODING -t "
    "UTF-8, where ENCODING is what it was written in, as GBK or CP1252)";

// Bytes of the well-formed character at the start of `text`; 0: there is none.
size_t CharacterLength(absl::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(4, text.size());
       ++length) {
    if (IsUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

// Whether `byte` goes on with a character that began before it.
bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The encoding that a byte order mark names; "" without one.
absl::string_view EncodingOfMark(absl::string_view text) {
  using namespace std::string_view_literals;
  for (const auto mark : {"\xFF\xFE\0\0"sv, "\0\0\xFE\xFF"sv}) {
    if (text.substr(0, 4) == absl::string_view(mark.data(), mark.size())) {
      return "UTF-32";
    }
  }
  if (absl::StartsWith(text, "\xFF\xFE") ||
      absl::StartsWith(text, "\xFE\xFF")) {
    return "UTF-16";
  }
  return "";
}

// Part of `line` around its first byte that is no UTF-8.
std::string Excerpt(absl::string_view line) {
  size_t at = 0;
  while (at < line.size()) {
    const size_t length = CharacterLength(line.substr(at));
    if (length == 0) break;
    at += length;
  }
  const size_t begin = at > kShownBytes / 2 ? at - kShownBytes / 2 : 0;
  size_t first = begin;  // not within a character
  while (first < at && IsContinuation(line[first])) ++first;
  absl::string_view part = line.substr(first, kShownBytes);
  while (!part.empty() && first + part.size() < line.size() &&
         IsContinuation(line[first + part.size()])) {
    part.remove_suffix(1);
  }
  return Shown(part);
}

// A number for the script of a character's first byte; 0: none that counts, as
// of signs.
int ScriptOf(unsigned char lead) {
  if (lead >= 0xC3 && lead <= 0xC8) return 1;   // Latin
  if (lead == 0xC9 || lead == 0xCA) return 2;   // phonetic
  if (lead == 0xCE || lead == 0xCF) return 3;   // Greek
  if (lead >= 0xD0 && lead <= 0xD3) return 4;   // Cyrillic
  if (lead == 0xD4 || lead == 0xD5) return 5;   // Armenian
  if (lead == 0xD6 || lead == 0xD7) return 6;   // Hebrew
  if (lead >= 0xD8 && lead <= 0xDB) return 7;   // Arabic
  return lead >= 0xDC && lead <= 0xDF ? 8 : 0;  // Syriac, Thaana, N'Ko
}

// What is wrong with a whole text, whichever its lines.
std::string WholeProblem(absl::string_view text) {
  const absl::string_view encoding = EncodingOfMark(text);
  if (!encoding.empty()) {
    return absl::StrCat("is ", encoding, ", not UTF-8: ", kHowToConvert);
  }
  const auto zeros =
      static_cast<size_t>(std::count(text.begin(), text.end(), '\0'));
  if (zeros > 1 && zeros >= text.size() / 4) {
    return absl::StrCat("is full of NUL bytes, as UTF-16 is: ", kHowToConvert);
  }
  if (absl::StartsWith(text, "version https://git-lfs")) {
    return "is a Git LFS pointer, not the file itself: run 'git lfs pull'";
  }
  const absl::string_view start =
      absl::StripLeadingAsciiWhitespace(WithoutMark(text));
  if (absl::StartsWithIgnoreCase(start, "<!doctype html") ||
      absl::StartsWithIgnoreCase(start, "<html")) {
    return "is a web page, not the file itself: download it again";
  }
  if (absl::StartsWith(start, "{\\rtf")) {
    return "is RTF, not plain text: save it as plain text";
  }
  if (absl::StartsWith(start, "PK\x03\x04")) {
    return "is a ZIP archive, as documents of office programs are: save it as "
           "plain text";
  }
  return "";
}

std::string LineProblem(absl::string_view line) {
  if (!IsUtf8(line)) {
    return absl::StrCat("is not UTF-8: '", Excerpt(line), "'; ", kHowToConvert);
  }
  if (absl::StrContains(line, absl::string_view("\0", 1))) {
    return "holds a NUL byte: remove it";
  }
  return "";
}

// What others write instead of nothing.
constexpr absl::string_view kMissingValues[] = {"nan", "none", "null", "n/a",
                                                "undefined"};

// What servers send, and programs write, in place of a text.
constexpr absl::string_view kNoTexts[] = {"404: Not Found",
                                          "404 Not Found",
                                          "Entry not found",
                                          "403: Forbidden",
                                          "403 Forbidden",
                                          "Access denied",
                                          "[object Object]",
                                          "\"\"",
                                          "''",
                                          "[]",
                                          "{}"};

}  // namespace

std::string Shown(absl::string_view text) { return PrintableText(text); }

std::string Shortened(std::string text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && IsContinuation(text[max_bytes])) --max_bytes;
  text.resize(max_bytes);
  return text + "...";
}

absl::string_view WithoutMark(absl::string_view text) {
  while (absl::ConsumePrefix(&text, kMark)) {
  }
  return text;
}

bool IsBlank(absl::string_view text) {
  while (true) {
    text = absl::StripLeadingAsciiWhitespace(text);
    if (text.empty()) return true;
    bool found = false;
    // NEL, no-break, en quad to zero-width joiner (by their first two bytes),
    // separators, word joiner, ideographic, byte order mark.
    for (const char* blank :
         {"\xC2\x85",     "\xC2\xA0",     "\xE2\x80\x80", "\xE2\x80\x81",
          "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85",
          "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89",
          "\xE2\x80\x8A", "\xE2\x80\x8B", "\xE2\x80\x8C", "\xE2\x80\x8D",
          "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
          "\xE2\x81\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF"}) {
      found = absl::ConsumePrefix(&text, blank) || found;
    }
    if (!found) return false;
  }
}

std::string TextProblem(absl::string_view text) {
  std::string problem = WholeProblem(text);
  return problem.empty() ? LineProblem(text) : problem;
}

bool MixesScripts(absl::string_view text) {
  std::set<int> scripts;
  for (const char byte : text) {
    if (const int script = ScriptOf(static_cast<unsigned char>(byte))) {
      scripts.insert(script);
    }
  }
  return scripts.size() > 2;
}

std::vector<std::string> TextProblemsOfFile(absl::string_view text,
                                            const std::string& file_name) {
  const std::string whole = WholeProblem(text);
  if (!whole.empty()) return {absl::StrCat(Shown(file_name), ": ", whole)};
  // One pass for the usual file, which has none.
  if (LineProblem(text).empty()) return {};
  std::vector<std::string> problems;
  size_t more = 0;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const std::string problem = LineProblem(line);
    if (problem.empty()) continue;
    if (problems.size() == kMaxProblems) {
      ++more;
    } else {
      problems.push_back(
          absl::StrCat(Shown(file_name), ":", number, ": ", problem));
    }
  }
  if (more > 0) {
    problems.push_back(absl::StrCat(Shown(file_name), ": and ", more,
                                    " more lines that are not UTF-8"));
  }
  return problems;
}

std::string CheckedPrompt(const std::string& text, const std::string& where,
                          ReadLog* log) {
  const std::string problem = TextProblem(text);
  if (!problem.empty()) {
    log->Problem(where, absl::StrCat("the prompt ", problem));
    return "";
  }
  if (text.size() > kMaxCaptionBytes) {
    log->Problem(where,
                 absl::StrCat("the prompt has ", text.size(),
                              " bytes; expected at most ", kMaxCaptionBytes));
    return "";
  }
  std::string prompt(absl::StripAsciiWhitespace(WithoutMark(text)));
  if (IsBlank(prompt)) {
    log->Problem(where, "the prompt is empty");
    return "";
  }
  for (const absl::string_view no_text : kNoTexts) {
    if (!absl::EqualsIgnoreCase(prompt, no_text)) continue;
    log->Problem(where, absl::StrCat("the prompt is ", no_text,
                                     ", which is no caption: write one in its "
                                     "place"));
    return "";
  }
  if (absl::StartsWith(prompt, "{") && nlohmann::json::accept(prompt)) {
    log->Warn(where,
              "the prompt is a JSON object, and trained as it stands, with its "
              "braces and keys; write the text alone if that is not meant");
  }
  for (const absl::string_view missing : kMissingValues) {
    if (absl::EqualsIgnoreCase(prompt, missing)) {
      log->Warn(where, absl::StrCat("the prompt is '", prompt,
                                    "', which programs write where there is "
                                    "none"));
    }
  }
  if (MixesScripts(prompt)) {
    log->Warn(where, absl::StrCat("the prompt mixes scripts, as text in GBK "
                                  "does that is read as UTF-8: '",
                                  Shortened(prompt, 40), "'"));
  }
  if (absl::StrContains(prompt, "\xEF\xBF\xBD")) {
    log->Warn(where,
              "the prompt holds U+FFFD, which stands for a character that was "
              "lost when the text was converted");
  }
  return prompt;
}

}  // namespace halfpipe
