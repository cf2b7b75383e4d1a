#include "coordinator/page/file_routes.h"

#include <set>

#include "coordinator/page/page_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FileRoutesTest, EveryFileIsOpenAndSelfContained) {
  std::set<std::string> patterns;
  for (const HttpRoute& route : PageFileRoutes()) {
    patterns.insert(route.pattern);
    EXPECT_TRUE(route.is_open) << route.pattern;
    const HttpAnswer answer = route.handler({});
    EXPECT_EQ(answer.status, 200);
    EXPECT_GT(answer.body.size(), 200U) << route.pattern;
    if (route.pattern == "/dygraph\\.min\\.js") continue;
    // Nothing comes from elsewhere, and no text becomes markup.
    for (const char* way :
         {"https://", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML",
          "document.write", "eval(", "style=", "onclick="}) {
      EXPECT_THAT(answer.body, Not(HasSubstr(way))) << route.pattern;
    }
  }
  EXPECT_EQ(patterns.size(), PageFileRoutes().size());
}

// What the page asks for is what there is, and all of it.
TEST(FileRoutesTest, ThePageNamesItsScripts) {
  const std::string html(PageIndexHtml());
  for (const HttpRoute& route : PageFileRoutes()) {
    if (route.pattern == "/") continue;
    std::string name = route.pattern.substr(1);
    while (name.find('\\') != std::string::npos) name.erase(name.find('\\'), 1);
    EXPECT_THAT(html, HasSubstr("\"" + name + "\""));
  }
}

}  // namespace
}  // namespace halfpipe
