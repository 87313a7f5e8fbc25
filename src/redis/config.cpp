#include "redis/config.h"

#include <algorithm>
#include <cctype>

#include "redis/deployment.h"

namespace raglan::redis {
namespace {

constexpr std::size_t kMaxPrefix = 64;

// Nothing that means something in a pattern (SCAN … MATCH).
bool is_prefix_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view(":.-_/").contains(c);
}

// A brace that has no other, or nothing in between, would be taken together with those of the keys'
// own hash tags (hash_slot.h), and what belongs together would not be on one server.
bool is_prefix(std::string_view prefix) {
  if (prefix.size() > kMaxPrefix) return false;
  std::string plain(prefix);
  if (const auto open = plain.find('{'); open != plain.npos) {
    const auto close = plain.find('}', open);
    if (close == plain.npos || close == open + 1) return false;
    plain.erase(close, 1).erase(open, 1);
  }
  return std::ranges::all_of(plain, is_prefix_character);
}

} // namespace

void describe(config::Table<ClientConfig>& table) {
  using C = ClientConfig;
  using std::chrono::milliseconds;
  table
      .field(
          "url", &C::url,
          "the server, with its password; or sentinels and the master's name, or some servers of "
          "a cluster; empty means no Redis")
      .must(
          "be empty, redis://[user[:password]@]host[:port][/database], "
          "unix://[user[:password]@]/path[?db=database], "
          "redis+sentinel://[user[:password]@]host[:port],host…/master[/database], "
          "redis+cluster://[user[:password]@]host[:port],host…; with rediss for TLS",
          [](const config::Secret& url) { return url.empty() || parse_deployment(url.reveal()); });
  table.field("sentinel_user", &C::sentinel_user,
              "who logs in at the sentinels; empty means their default user");
  table.field("sentinel_password", &C::sentinel_password,
              "the sentinels' password, as that in the URL is the servers'; empty means no login");
  table.field("ca_file", &C::ca_file,
              "PEM file of the authorities to trust for rediss://; empty means the system's");
  table
      .field("key_prefix", &C::key_prefix,
             "begins every key and channel; installations that share a server have one each; with "
             "{ } in it, all of them are on one server of a cluster")
      .must("be at most 64 letters, digits and of : . - _ /, of which one { } may enclose some",
            [](const std::string& prefix) { return is_prefix(prefix); });
  table
      .field("max_connections", &C::max_connections,
             "connections of all event loops together, evenly for each server of a cluster (one at "
             "least), without the one that listens to messages")
      .min(1)
      .max(10'000);
  table
      .field("timeout", &C::timeout,
             "the longest a command may take, waiting for a connection and connecting included")
      .min(milliseconds(1))
      .max(milliseconds(60'000));
  table
      .field("max_pipelined", &C::max_pipelined,
             "commands under way on one connection, from which on another is opened")
      .min(1)
      .max(10'000);
  table
      .field("max_waiting", &C::max_waiting,
             "commands that wait for a connection to each server, on each event loop; more are "
             "refused")
      .min(1)
      .max(1'000'000);
  table.bytes("max_command", &C::max_command_bytes, "the largest command that is sent")
      .min(1'024)
      .max(512'000'000);
  table
      .bytes("max_reply", &C::max_reply_bytes,
             "the largest reply that is taken; the connection of a larger one is closed")
      .min(1'024)
      .max(512'000'000);
  table.rule("sentinel_user needs a sentinel_password", [](const C& config) {
    return config.sentinel_user.empty() || !config.sentinel_password.empty();
  });
  // What was stored must be readable: each look at a larger entry would cost a connection.
  table.rule("max_reply must be at least max_command",
             [](const C& config) { return config.max_reply_bytes >= config.max_command_bytes; });
}

} // namespace raglan::redis
