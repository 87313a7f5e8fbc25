// Servers of a Redis Cluster that say exactly what a test tells them to, and the map that they all
// give.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guarded.h"
#include "fake_server.h"
#include "redis/hash_slot.h"

namespace raglan::redis {

using Words = std::vector<std::string>;

inline std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// Whose the slots are: evenly those of `owners`, in order. A port of 0: nobody's.
class FakeMap {
 public:
  void set(std::vector<std::uint16_t> owners) {
    owners_.with([&](auto& present) { present = std::move(owners); });
  }
  // The reply to CLUSTER SLOTS.
  std::string reply() const {
    const auto owners = owners_.with([](const auto& present) { return present; });
    std::string ranges;
    std::size_t count = 0;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (owners[i] == 0) continue;
      ++count;
      ranges += "*3\r\n:" + std::to_string(first_slot(i, owners.size())) +
                "\r\n:" + std::to_string(first_slot(i + 1, owners.size()) - 1) + "\r\n*2\r\n" +
                bulk("127.0.0.1") + ":" + std::to_string(owners[i]) + "\r\n";
    }
    return "*" + std::to_string(count) + "\r\n" + ranges;
  }
  // A key that is that owner's, of so many.
  static std::string key_of(std::size_t owner, std::size_t owners) {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      const std::size_t slot = hash_slot(key);
      if (slot >= first_slot(owner, owners) && slot < first_slot(owner + 1, owners)) return key;
    }
  }

 private:
  static std::size_t first_slot(std::size_t owner, std::size_t owners) {
    return owner * kHashSlots / owners;
  }

  Guarded<std::vector<std::uint16_t>> owners_;
};

// A server of that cluster. An empty answer closes the connection.
inline http::RawServer::Script member(const FakeMap& map,
                                      std::function<std::string(const Words&)> answer) {
  return [&map, answer](http::RawPeer& peer) {
    FakeConnection connection(peer);
    for (auto words = connection.read_command(); !words.empty();
         words = connection.read_command()) {
      std::string reply = "+OK\r\n";
      if (words[0] == "CLUSTER") reply = map.reply();
      if (words[0] != "CLUSTER" && words[0] != "CLIENT") reply = answer(words);
      if (reply.empty()) return;
      peer.send(reply);
    }
  };
}

// "MOVED" or "ASK" to that server.
inline std::string there(std::string_view word, const http::RawServer& server) {
  return "-" + std::string(word) + " 1 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
}

inline std::string cluster_url(const http::RawServer& server) {
  return "redis+cluster://127.0.0.1:" + std::to_string(server.port());
}

} // namespace raglan::redis
