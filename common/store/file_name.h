// Names of files that come out of files.
#ifndef HP_COMMON_STORE_FILE_NAME_H_
#define HP_COMMON_STORE_FILE_NAME_H_

#include "absl/strings/string_view.h"

namespace halfpipe {

// True for a name that stays in its folder: not empty, no "/", no NUL, neither
// "." nor "..".
[[nodiscard]] bool IsPlainFileName(absl::string_view name);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_FILE_NAME_H_
