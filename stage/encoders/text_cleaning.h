// Wan's "whitespace" cleaning of prompts, which the tokenizer expects.
#ifndef HP_STAGE_ENCODERS_TEXT_CLEANING_H_
#define HP_STAGE_ENCODERS_TEXT_CLEANING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// In this order, which is Wan's: a text repair with the defaults of ftfy
// 6.3's fix_text; HTML references decoded twice; trimmed; every run of Unicode
// white space one space. The repair goes line by line and until nothing
// changes: closed HTML references (unless a '<' was seen), misread encodings,
// C1 controls as Windows-1252, Latin ligatures, full- and half-width forms,
// curly quotes, line breaks, terminal escapes, control characters, NFC.
//
// Bytes that are not UTF-8 count as U+FFFD. Any thread.
//
// Not covered of ftfy: text misread in an encoding other than Windows-1252 and
// Latin-1 (Windows-1250/1251/1253/1254/1257, ISO-8859-2, MacRoman, CP437), and
// runs of misread text that such characters are part of; CESU-8 surrogate pairs
// within misread text.
[[nodiscard]] std::string CleanPrompt(absl::string_view prompt);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_TEXT_CLEANING_H_
