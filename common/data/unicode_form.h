// Names that look alike and differ in their bytes: systems store an accented
// letter as one character or as the letter and its accent.
#ifndef HP_COMMON_DATA_UNICODE_FORM_H_
#define HP_COMMON_DATA_UNICODE_FORM_H_

#include <string>

#include "absl/strings/string_view.h"

namespace halfpipe {

// `text` in Unicode's composed form (NFC), which two names that look alike
// share; archives made on macOS hold them decomposed. Text that is not UTF-8
// comes back as it is.
[[nodiscard]] std::string ComposedForm(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_DATA_UNICODE_FORM_H_
