#include "net/host_port.h"

#include <gtest/gtest.h>

namespace raglan::net {
namespace {

TEST(HostPort, ReadsAddressesOfBothKinds) {
  EXPECT_EQ(parse_host_port("127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_host_port("[::1]:0")->host, "::1");
  EXPECT_EQ(parse_host_port(":65535")->host, "127.0.0.1");
  for (const char* text : {"", ":", "127.0.0.1", "::1:8080", "a:65536", "a:-1", "a:80x"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

} // namespace
} // namespace raglan::net
