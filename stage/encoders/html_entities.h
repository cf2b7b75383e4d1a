// HTML character references, in the two ways that Wan's cleaning decodes them.
#ifndef HP_STAGE_ENCODERS_HTML_ENTITIES_H_
#define HP_STAGE_ENCODERS_HTML_ENTITIES_H_

namespace halfpipe {

// As browsers do and Python's html.unescape does (HTML 5, section 13.2.5.72
// ff): named references with or without a semicolon, the longest name that
// fits, decimal and hexadecimal numbers, Windows-1252 for 128..159.
[[nodiscard]] std::u32string UnescapeHtml(const std::u32string& text);

// The careful form: only references that end in a semicolon, and names in
// capitals (`&EACUTE;`) where that is unambiguous. What is not known stays.
[[nodiscard]] std::u32string UnescapeClosedHtml(const std::u32string& text);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_HTML_ENTITIES_H_
