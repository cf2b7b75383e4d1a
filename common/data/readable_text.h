// Text of unknown origin: how it is shown in a message, whether it may be read
// as UTF-8 at all, and what is no caption though it is text.
#ifndef HP_COMMON_DATA_READABLE_TEXT_H_
#define HP_COMMON_DATA_READABLE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/data/read_log.h"

namespace halfpipe {

// `text` as a message may hold it: PrintableText of common/base.
[[nodiscard]] std::string Shown(absl::string_view text);

// The beginning of `text`, which is UTF-8, where it is too long for a sentence,
// which may quote a file: whole characters and "...".
[[nodiscard]] std::string Shortened(std::string text, size_t max_bytes = 1000);

// Without a UTF-8 byte order mark at its start.
[[nodiscard]] absl::string_view WithoutMark(absl::string_view text);

// Whether nothing but blanks is in `text`: of ASCII, and those that look like
// them (no-break, ideographic and zero-width spaces, byte order marks).
[[nodiscard]] bool IsBlank(absl::string_view text);

// What keeps `text` from being read as UTF-8, as the rest of a sentence that
// begins with its name, with what to do; "" where nothing does. Other encodings
// (UTF-16, GBK, cp1252), NUL bytes, and what stands in place of a file: the
// pointer of Git LFS, a web page, a document of an office program.
[[nodiscard]] std::string TextProblem(absl::string_view text);

// Whether letters of three scripts or more stand in `text`, which is UTF-8: the
// bytes of Chinese in GBK read so where they happen to be UTF-8. Only scripts
// of characters of two bytes count.
[[nodiscard]] bool MixesScripts(absl::string_view text);

// The same as TextProblem for a file of rows, a line for each line of it that
// cannot be read: "FILE:LINE: ...". After five the rest is only counted.
[[nodiscard]] std::vector<std::string> TextProblemsOfFile(
    absl::string_view text, const std::string& file_name);

constexpr uint64_t kMaxCaptionBytes = uint64_t{1} << 20;

// The prompt of a sample, trimmed and without a byte order mark; or "" after
// adding a problem for one that is blank, not UTF-8, or what stands in place of
// a text where a download or a program failed.
[[nodiscard]] std::string CheckedPrompt(const std::string& text,
                                        const std::string& where, ReadLog* log);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_READABLE_TEXT_H_
