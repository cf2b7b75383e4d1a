// The page's files, which are in coordinator/page and become part of the
// program when it is built (cmake/Embed.cmake).
#ifndef HP_COORDINATOR_PAGE_PAGE_FILES_H_
#define HP_COORDINATOR_PAGE_PAGE_FILES_H_

#include "absl/strings/string_view.h"

namespace halfpipe {

[[nodiscard]] absl::string_view PageIndexHtml();
[[nodiscard]] absl::string_view PageCss();
[[nodiscard]] absl::string_view PageJs();

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_FILES_H_
