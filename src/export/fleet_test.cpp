#include "export/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "export/example_fleet_test.h"

namespace raglan::exporting {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST(Fleet, OfTheTestsIsFine) {
  EXPECT_TRUE(check(example_fleet()));
  EXPECT_TRUE(check(tls_fleet()));
}

TEST(Fleet, HasNamesAndAddresses) {
  for (const char* host : {"node-3", "node_3", "a.b.example", "N1", "10.0.0.1", "::1", "fd00::7",
                           "1and1.example", "xn--bcher-kva.example"}) {
    Fleet fleet = example_fleet();
    fleet.nodes = {{.host = host}};
    EXPECT_TRUE(check(fleet)) << host;
  }
}

TEST(Fleet, RefusesHostsThatAreMoreThanAName) {
  using namespace std::string_view_literals;
  std::vector<std::string> hosts = {std::string(64, 'a'), std::string(254, 'a'),
                                    std::string("10.0.0.1\0;"sv)};
  for (const char c : " ;{}#\n\r\t\"'\\$`:/%,[]*!@&|<>()=?^~\x7f\x80\0"sv) {
    hosts.push_back(std::string("no") + c + "de");
  }
  for (const char* host :
       {"", "-a", "a..b", "a.", ".a", "[::1]", "10.0.0.1 ", "::1%lo", "10.0.0.256"}) {
    hosts.push_back(host);
  }
  for (const std::string& host : hosts) {
    Fleet fleet = example_fleet();
    fleet.nodes[1].host = host;
    const auto ok = check(fleet);
    ASSERT_FALSE(ok) << host;
    EXPECT_EQ(ok.error().code, ErrorCode::kInvalidField);
    EXPECT_EQ(ok.error().param, "/nodes/1/host");
    if (host.size() > 3) EXPECT_THAT(ok.error().message, Not(HasSubstr(host)));
  }
}

TEST(Fleet, HasNoNameThatIsReadAsANumber) {
  for (const char* host : {"0x7f.1", "010.1", "2130706433", "127.1"}) { // 127.0.0.1, to some
    Fleet fleet = example_fleet();
    fleet.nodes[0].host = host;
    EXPECT_FALSE(check(fleet)) << host;
  }
}

TEST(Fleet, RefusesWhatIsOutOfBoundsAndSaysWhere) {
  struct Case {
    std::function<void(Fleet&)> change;
    const char* param;
  };
  const Case cases[] = {
      {[](Fleet& f) { f.nodes.clear(); }, "/nodes"},
      {[](Fleet& f) { f.nodes.resize(Fleet::kMaxNodes + 1, f.nodes[0]); }, "/nodes"},
      {[](Fleet& f) { f.nodes[1].host = f.nodes[0].host; }, "/nodes/1/host"},
      {[](Fleet& f) { f.nodes[2].port = 0; }, "/nodes/2/port"},
      {[](Fleet& f) { f.nodes[2].weight = 0; }, "/nodes/2/weight"},
      {[](Fleet& f) { f.nodes[2].weight = Node::kMaxWeight + 1; }, "/nodes/2/weight"},
      {[](Fleet& f) { f.nodes[1].scheme = Node::Scheme::kHttps; }, "/nodes/1/scheme"},
      {[](Fleet& f) { f.listen.host = "localhost"; }, "/listen/host"},
      {[](Fleet& f) { f.listen.host = "127.0.0.1; }"; }, "/listen/host"},
      {[](Fleet& f) { f.listen.port = 0; }, "/listen/port"},
      {[](Fleet& f) { f.health.path = "ready"; }, "/health/path"},
      {[](Fleet& f) { f.health.path = "/ready\nadmin"; }, "/health/path"},
      {[](Fleet& f) { f.health.path = "/ready?a=\"b\""; }, "/health/path"},
      {[](Fleet& f) { f.health.path = "/" + std::string(255, 'a'); }, "/health/path"},
      {[](Fleet& f) { f.health.timeout = milliseconds(0); }, "/health/timeout"},
      {[](Fleet& f) { f.health.interval = std::chrono::hours(25); }, "/health/interval"},
      {[](Fleet& f) { f.health.failure_threshold = 0; }, "/health/failure_threshold"},
      {[](Fleet& f) { f.health.success_threshold = 11; }, "/health/success_threshold"},
      {[](Fleet& f) { f.timeouts.connect = milliseconds(-1); }, "/timeouts/connect"},
      {[](Fleet& f) { f.timeouts.response = milliseconds(0); }, "/timeouts/response"},
      {[](Fleet& f) { f.timeouts.idle = milliseconds(0); }, "/timeouts/idle"},
      {[](Fleet& f) { f.slow_start = milliseconds(-1); }, "/slow_start"},
      {[](Fleet& f) { f.max_body_bytes = 0; }, "/max_body_bytes"},
      {[](Fleet& f) { f.max_attempts = 0; }, "/max_attempts"},
  };
  for (const auto& [change, param] : cases) {
    Fleet fleet = example_fleet();
    change(fleet);
    const auto ok = check(fleet);
    ASSERT_FALSE(ok) << param;
    EXPECT_EQ(ok.error().code, ErrorCode::kInvalidField) << param;
    EXPECT_EQ(ok.error().param, param);
  }
}

TEST(Fleet, PutsIpv6IntoBrackets) {
  EXPECT_EQ(authority("10.0.0.7", 80), "10.0.0.7:80");
  EXPECT_EQ(authority("node-1", 80), "node-1:80");
  EXPECT_EQ(authority("::1", 80), "[::1]:80");
}

TEST(Fleet, HasWeightsOnlyWhereTheStrategyLooksAtThem) {
  Fleet fleet = example_fleet(policy::Strategy::kRoundRobin);
  EXPECT_EQ(effective_weight(fleet, fleet.nodes[2]), 1);
  EXPECT_FALSE(is_weighted(fleet));
  fleet.strategy = policy::Strategy::kLeastConnections;
  EXPECT_EQ(effective_weight(fleet, fleet.nodes[2]), 3);
  EXPECT_TRUE(is_weighted(fleet));
}

} // namespace
} // namespace raglan::exporting
