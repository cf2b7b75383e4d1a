// The text of a caption, and what is no caption though it is text.
#ifndef HP_COMMON_DATA_CHECKED_PROMPT_H_
#define HP_COMMON_DATA_CHECKED_PROMPT_H_

#include <cstdint>
#include <string>

#include "common/data/read_log.h"

namespace halfpipe {

constexpr uint64_t kMaxCaptionBytes = uint64_t{1} << 20;

// The prompt of a sample, trimmed and without a byte order mark; or "" after
// adding a problem for one that is blank, not UTF-8, or what stands in place of
// a text where a download or a program failed.
[[nodiscard]] std::string CheckedPrompt(const std::string& text,
                                        const std::string& where, ReadLog* log);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_CHECKED_PROMPT_H_
