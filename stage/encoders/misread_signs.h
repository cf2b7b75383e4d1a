// Does a text look as if it had been read in the wrong encoding?
#ifndef HP_STAGE_ENCODERS_MISREAD_SIGNS_H_
#define HP_STAGE_ENCODERS_MISREAD_SIGNS_H_

namespace halfpipe {

// Whether characters stand beside each other that ordinary spelling does not
// put there: a currency sign after a small accented letter, a fraction after a
// capital one, any C1 control, ... The signs are those of UTF-8 read as
// Windows-1252 or Latin-1, judged as ftfy 6.3 judges them; characters outside
// these two encodings are signs of nothing.
[[nodiscard]] bool LooksMisread(const std::u32string& text);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_MISREAD_SIGNS_H_
