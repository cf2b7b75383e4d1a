// The page's files, which are in coordinator/page and become part of the
// program when it is built (cmake/Embed.cmake), and the library that draws its
// curves, which is the system's.
#ifndef HP_COORDINATOR_PAGE_PAGE_FILES_H_
#define HP_COORDINATOR_PAGE_PAGE_FILES_H_

#include "absl/strings/string_view.h"

namespace halfpipe {

[[nodiscard]] absl::string_view PageIndexHtml();
[[nodiscard]] absl::string_view PageCss();
[[nodiscard]] absl::string_view PageIconSvg();
[[nodiscard]] absl::string_view PageJs();  // what starts
[[nodiscard]] absl::string_view PageActionsJs();
[[nodiscard]] absl::string_view PageChartsJs();
[[nodiscard]] absl::string_view PageControlsJs();
[[nodiscard]] absl::string_view PageCurvesJs();
[[nodiscard]] absl::string_view PageDomJs();
[[nodiscard]] absl::string_view PageFilesJs();
[[nodiscard]] absl::string_view PageJobJs();
[[nodiscard]] absl::string_view PageMemoryJs();
[[nodiscard]] absl::string_view PageOverviewJs();
[[nodiscard]] absl::string_view PageSeriesJs();
[[nodiscard]] absl::string_view PageServiceJs();
[[nodiscard]] absl::string_view PageTextJs();
[[nodiscard]] absl::string_view PageTimelineJs();
[[nodiscard]] absl::string_view PageDygraphJs();

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_FILES_H_
