#include <gtest/gtest.h>

#include "config/registry.h"
#include "http/server.h"

namespace raglan::http {
namespace {

class ServerSettings : public testing::Test {
 protected:
  ServerSettings() {
    registry_.add("server", loops_, "event loops");
    registry_.add("server", config_, "connections");
    registry_.add("server.limits", config_.limits, "of one request");
  }
  std::vector<config::Problem> load(std::string toml) {
    return registry_.load({.file_name = "raglan.toml", .toml = std::move(toml)});
  }

  net::EventLoopsConfig loops_;
  ServerConfig config_;
  config::Registry registry_;
};

TEST_F(ServerSettings, DefaultsLieWithinTheirBounds) {
  for (const auto& problem : load(registry_.show())) ADD_FAILURE() << problem.text();
}

TEST_F(ServerSettings, EachKeySetsItsMember) {
  const auto problems = load(R"(
[server]
threads = 3
max_connections = 7
max_bodies_bytes = "2MiB"
max_requests_per_connection = 8
header_timeout = "1s"
body_timeout = "2s"
write_timeout = "3s"
idle_timeout = "4s"
linger_timeout = "5s"
min_bytes_per_second = 9
busy_min_bytes_per_second = 10
sweep_interval = "100ms"
[server.limits]
max_header_bytes = "1KiB"
max_headers = 11
max_target_bytes = 100
max_body_bytes = "1MiB"
)");
  for (const auto& problem : problems) ADD_FAILURE() << problem.text();
  EXPECT_EQ(loops_.threads, 3U);
  EXPECT_EQ(config_.max_connections, 7U);
  EXPECT_EQ(config_.max_requests_per_connection, 8U);
  EXPECT_EQ(config_.max_bodies_bytes, 2U << 20);
  EXPECT_EQ(config_.header_timeout, std::chrono::seconds(1));
  EXPECT_EQ(config_.body_timeout, std::chrono::seconds(2));
  EXPECT_EQ(config_.write_timeout, std::chrono::seconds(3));
  EXPECT_EQ(config_.idle_timeout, std::chrono::seconds(4));
  EXPECT_EQ(config_.linger_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config_.min_bytes_per_second, 9U);
  EXPECT_EQ(config_.busy_min_bytes_per_second, 10U);
  EXPECT_EQ(config_.sweep_interval, std::chrono::milliseconds(100));
  EXPECT_EQ(config_.limits.max_header_bytes, 1024U);
  EXPECT_EQ(config_.limits.max_headers, 11U);
  EXPECT_EQ(config_.limits.max_target_bytes, 100U);
  EXPECT_EQ(config_.limits.max_body_bytes, 1U << 20);
}

TEST_F(ServerSettings, AWaitOfNothingIsRefused) {
  EXPECT_EQ(load("[server]\nidle_timeout = \"0s\"\n").size(), 1U);
}

} // namespace
} // namespace raglan::http
