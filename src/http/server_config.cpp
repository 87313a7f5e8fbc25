#include "http/server.h"

namespace raglan::http {

using std::chrono::milliseconds;

void describe(config::Table<ServerConfig>& table) {
  constexpr milliseconds kShortest{10};
  constexpr milliseconds kLongest{std::chrono::hours(24)};
  const auto timeout = [&](std::string_view key, milliseconds ServerConfig::* member,
                           std::string_view meaning) {
    table.field(key, member, meaning).min(kShortest).max(kLongest);
  };
  table
      .field("max_connections", &ServerConfig::max_connections,
             "open client connections; one more is answered 503 and closed")
      .min(1)
      .max(1'000'000);
  table.field("max_requests_per_connection", &ServerConfig::max_requests_per_connection,
              "after which a connection is closed; 0 means no limit");
  table
      .bytes("max_bodies_bytes", &ServerConfig::max_bodies_bytes,
             "request bodies held at once, of all connections; a body that would pass it is "
             "answered 503. One body of server.limits.max_body_bytes always fits")
      .min(1);
  timeout("header_timeout", &ServerConfig::header_timeout,
          "from a request's first byte to the end of its header");
  timeout("body_timeout", &ServerConfig::body_timeout, "waiting for more of a request's body");
  timeout("write_timeout", &ServerConfig::write_timeout,
          "waiting for a client to take more of a response");
  timeout("idle_timeout", &ServerConfig::idle_timeout, "between two requests of a connection");
  timeout("linger_timeout", &ServerConfig::linger_timeout,
          "for a client to read why it was refused");
  table
      .bytes("min_bytes_per_second", &ServerConfig::min_bytes_per_second,
             "a slower client is cut off, although it makes progress; 0 switches this off")
      .max(1024 * 1024);
  table
      .bytes("busy_min_bytes_per_second", &ServerConfig::busy_min_bytes_per_second,
             "the same for request bodies while more than half of max_bodies_bytes is held")
      .max(1024 * 1024);
  table
      .field("sweep_interval", &ServerConfig::sweep_interval,
             "how often timeouts are looked at; each may be this late")
      .min(milliseconds(1))
      .max(milliseconds(1000));
}

} // namespace raglan::http
