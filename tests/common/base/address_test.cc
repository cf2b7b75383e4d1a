#include "common/base/address.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(AddressTest, TakesHostAndPortApart) {
  const auto plain = ParseHostPort("127.0.0.1:9700");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 9700);
  const auto six = ParseHostPort("[::1]:0");
  ASSERT_TRUE(six.ok()) << six.status();
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 0);
}

TEST(AddressTest, RefusesWhatIsNone) {
  for (const char* text : {"", ":1", "host", "host:", "host:x", "host:65536",
                           "host:-1", "[::1]"}) {
    const auto parsed = ParseHostPort(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().message(),
              absl::StrCat("expected host:port, found '", text, "'"));
  }
}

TEST(AddressTest, OnlyLoopbackAndUnixSocketsAreLocal) {
  for (const char* text :
       {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/a/b"}) {
    EXPECT_TRUE(IsLocalAddress(text)) << text;
  }
  // The last ones only look like loopback.
  for (const char* text :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "gpu-box:1", "unix:", "nowhere",
        "127.0.0.1.example.org:1", "localhost.example.org:1", "1270.0.0.1:1",
        "[::ffff:127.0.0.1]:1"}) {
    EXPECT_FALSE(IsLocalAddress(text)) << text;
  }
}

}  // namespace
}  // namespace halfpipe
