// Repair of text that was UTF-8 and was read as Windows-1252 or Latin-1
// ("cafÃ©" for "café"), once or several times over.
#ifndef HP_STAGE_ENCODERS_MOJIBAKE_H_
#define HP_STAGE_ENCODERS_MOJIBAKE_H_

namespace halfpipe {

// Returns the repaired text, or the text itself where nothing looks misread.
// Three repairs, until none applies: the whole text back to bytes and read as
// UTF-8; else only the runs that look misread; else lone C1 control characters
// as their Windows-1252 characters. A no-break space that was turned into a
// plain one (behind Â or Ã) and bytes that were lost (U+FFFD) are
// allowed for. Whether something looks misread is a judgement on pairs and
// triples of characters; see text_cleaning.h for what that leaves out.
[[nodiscard]] std::u32string FixMojibake(const std::u32string& text);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_MOJIBAKE_H_
