// One command, encoded for the wire as it is made.
//
//   Command get("GET", key);
//   Command set("SET", key, value, "PX", ttl_milliseconds);
//   Command unlink("UNLINK");
//   for (const auto& key : keys) unlink.add(key);
//
// Arguments are binary safe. They are written once, straight into the bytes that go out: hiredis'
// own formatter would take an array of pointers and give back a malloc'ed copy to be copied again.
//
// Connections are shared by all callers (client.h), so a command that would change what the
// connection means to others, or hold up those behind it, is not `shareable` and the client refuses
// it: logins and SELECT, transactions, subscriptions, and those that block.
//
// In a cluster a command goes to the server of its first key (redis/command_table.h). That all its
// keys have one hash tag (redis/hash_slot.h) is the caller's business: Redis refuses it otherwise.
//
// Pure values.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <optional>

#include "redis/command_table.h"

namespace raglan::redis {

class Command {
 public:
  template <typename... Arguments>
  explicit Command(std::string_view name, const Arguments&... arguments)
      : traits_(traits_of(name)) {
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
  bool shareable() const { return traits_.shareable; }
  // The first, which decides on the server; empty when any will do. Points into the command.
  std::optional<std::string_view> key() const;
  void append_to(std::string& wire) const;

 private:
  // Whether the argument that stands next is the first key.
  bool key_is_next() const;

  std::string arguments_; // RESP bulk strings, without the array's head
  std::size_t count_ = 0;
  CommandTraits traits_;
  // Where texts lie in arguments_; a size of npos: there is none.
  struct Place {
    std::size_t begin = 0;
    std::size_t size = std::string_view::npos;
  };
  std::string_view text(const Place& place) const {
    return std::string_view(arguments_).substr(place.begin, place.size);
  }
  Place key_;
  Place last_; // argument
};

} // namespace raglan::redis
