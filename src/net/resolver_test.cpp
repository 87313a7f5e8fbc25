#include "net/resolver.h"

#include "net/loop_fixture_test.h"

namespace raglan::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class ResolverTest : public LoopTest {
 protected:
  ~ResolverTest() override { resolver_.stop(); }
  Result<Resolver::Endpoints> resolve(std::string host, Duration patience = seconds(10)) {
    return start(resolver_.resolve(std::move(host), 80, patience)).get();
  }
  Resolver resolver_{{.threads = 1, .max_queued = 1}};
};

TEST_F(ResolverTest, ResolvesANameOfThisMachine) {
  const auto endpoints = resolve("localhost");
  ASSERT_TRUE(endpoints.has_value());
  ASSERT_FALSE(endpoints->empty());
  for (const auto& endpoint : *endpoints) {
    EXPECT_TRUE(endpoint.address().is_loopback());
    EXPECT_EQ(endpoint.port(), 80);
  }
}

TEST_F(ResolverTest, AddressesNeedNoLookup) {
  resolver_.stop();
  const auto v4 = resolve("127.0.0.1");
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->front().address().to_string(), "127.0.0.1");
  const auto v6 = resolve("2001:db8::1");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->front().address().to_string(), "2001:db8::1");
}

TEST_F(ResolverTest, AnUnknownNameIsUnavailable) {
  const auto endpoints = resolve("bad..name.invalid", seconds(20));
  ASSERT_FALSE(endpoints.has_value());
  EXPECT_EQ(endpoints.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(endpoints.error().message, HasSubstr("bad..name.invalid"));
}

TEST_F(ResolverTest, AStoppedResolverRefusesNames) {
  resolver_.stop();
  EXPECT_FALSE(resolve("localhost").has_value());
}

} // namespace
} // namespace raglan::net
