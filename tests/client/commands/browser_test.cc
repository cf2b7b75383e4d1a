#include "client/commands/browser.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(BrowserTest, WithoutADesktopNothingIsOpened) {
  unsetenv("DISPLAY");
  unsetenv("WAYLAND_DISPLAY");
  EXPECT_FALSE(OpenInBrowser("http://127.0.0.1:1/"));
  setenv("DISPLAY", "", 1);
  EXPECT_FALSE(OpenInBrowser("http://127.0.0.1:1/"));
}

}  // namespace
}  // namespace halfpipe
