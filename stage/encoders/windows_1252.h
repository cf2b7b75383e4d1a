// Windows-1252, the encoding that text is most often misread in.
#ifndef HP_STAGE_ENCODERS_WINDOWS_1252_H_
#define HP_STAGE_ENCODERS_WINDOWS_1252_H_

#include <cstdint>
#include <optional>

namespace halfpipe {

// The character of a byte 0..255; the five bytes that the encoding leaves
// open stand for the control character of their number.
[[nodiscard]] char32_t FromWindows1252(char32_t byte);

// The byte of a character of Windows-1252 or of Latin-1 (U+0080..U+009F are
// their own numbers); nullopt for any other.
[[nodiscard]] std::optional<uint8_t> ToWindows1252(char32_t c);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_WINDOWS_1252_H_
