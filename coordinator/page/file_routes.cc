#include "coordinator/page/file_routes.h"

#include <string>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "coordinator/page/page_files.h"

namespace halfpipe {
namespace {

constexpr char kHtml[] = "text/html; charset=utf-8";
constexpr char kCss[] = "text/css; charset=utf-8";
constexpr char kScript[] = "text/javascript; charset=utf-8";

// What a part of a regular expression is where it means only itself.
std::string Literally(absl::string_view path) {
  return absl::StrReplaceAll(path, {{".", "\\."}});
}

HttpRoute FileRoute(absl::string_view path, const std::string& type,
                    absl::string_view content) {
  return {.pattern = Literally(path),
          .is_open = true,
          .handler = [type, content](const HttpRequest&) {
            return HttpAnswer{.type = type, .body = std::string(content)};
          }};
}

}  // namespace

std::vector<HttpRoute> PageFileRoutes() {
  return {FileRoute("/", kHtml, PageIndexHtml()),
          FileRoute("/page.css", kCss, PageCss()),
          FileRoute("/icon.svg", "image/svg+xml", PageIconSvg()),
          FileRoute("/page.js", kScript, PageJs()),
          FileRoute("/actions.js", kScript, PageActionsJs()),
          FileRoute("/charts.js", kScript, PageChartsJs()),
          FileRoute("/controls.js", kScript, PageControlsJs()),
          FileRoute("/curves.js", kScript, PageCurvesJs()),
          FileRoute("/dom.js", kScript, PageDomJs()),
          FileRoute("/files.js", kScript, PageFilesJs()),
          FileRoute("/job.js", kScript, PageJobJs()),
          FileRoute("/memory.js", kScript, PageMemoryJs()),
          FileRoute("/overview.js", kScript, PageOverviewJs()),
          FileRoute("/series.js", kScript, PageSeriesJs()),
          FileRoute("/service.js", kScript, PageServiceJs()),
          FileRoute("/text.js", kScript, PageTextJs()),
          FileRoute("/timeline.js", kScript, PageTimelineJs()),
          FileRoute("/dygraph.min.js", kScript, PageDygraphJs())};
}

}  // namespace halfpipe
