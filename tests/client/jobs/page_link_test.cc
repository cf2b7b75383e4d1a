#include "client/jobs/page_link.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(PageLinkTest, WhatIsSecretStandsBehindTheHash) {
  EXPECT_EQ(PageLink({.address = "127.0.0.1:9707", .ticket = "hpt_t"},
                     "unix:/run/x", "j1"),
            "http://127.0.0.1:9707/#ticket=hpt_t/job/j1");
  EXPECT_EQ(PageLink({.address = "127.0.0.1:9707"}, "unix:/run/x", "j1"),
            "http://127.0.0.1:9707/#job/j1");
  EXPECT_EQ(PageLink({.address = "127.0.0.1:9700"}, "127.0.0.1:50700", ""),
            "http://127.0.0.1:9700/");
}

TEST(PageLinkTest, APageAtAllAddressesIsWhereTheServiceIs) {
  for (const char* all : {"0.0.0.0:9700", "[::]:9700"}) {
    EXPECT_EQ(PageLink({.address = all, .tls = true}, "gpu-box:50700", ""),
              "https://gpu-box:9700/")
        << all;
  }
}

}  // namespace
}  // namespace halfpipe
