// One command, encoded for the wire as it is made.
//
//   Command get("GET", key);
//   Command set("SET", key, value, "PX", ttl_milliseconds);
//   Command mget("MGET");
//   for (const auto& key : keys) mget.add(key);
//
// Arguments are binary safe. They are written once, straight into the bytes that go out: hiredis'
// own formatter would take an array of pointers and give back a malloc'ed copy to be copied again.
//
// Connections are shared by all callers (client.h), so a command that would change what the
// connection means to others, or hold up those behind it, is not `shareable` and the client refuses
// it: logins and SELECT, transactions, subscriptions, and those that block.
//
// Pure values.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace raglan::redis {

class Command {
 public:
  template <typename... Arguments>
  explicit Command(std::string_view name, const Arguments&... arguments)
      : shareable_(is_shareable(name)) {
    add(name);
    (add(arguments), ...);
  }

  Command& add(std::string_view argument);
  template <std::integral Integer>
  Command& add(Integer argument) {
    const fmt::format_int digits(argument);
    return add(std::string_view(digits.data(), digits.size()));
  }

  std::size_t size_bytes() const { return arguments_.size(); }
  bool shareable() const { return shareable_; }
  void append_to(std::string& wire) const;

 private:
  static bool is_shareable(std::string_view name);

  std::string arguments_; // RESP bulk strings, without the array's head
  std::size_t count_ = 0;
  bool shareable_;
};

} // namespace raglan::redis
