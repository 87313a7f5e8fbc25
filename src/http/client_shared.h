// What all loops of one client have in common. Internal to http/.
//
// Thread safety: the counts and `closed` are atomic; everything else does not change once made.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <compare>
#include <cstdint>
#include <string>

#include "http/client.h"
#include "http/url.h"

namespace raglan::http {

// Where a connection goes: connections to the same origin can stand for each other.
struct Origin {
  bool tls = false;
  std::string host; // in lower case
  std::uint16_t port = 0;

  static Origin of(const Url& url);
  // "host:port", for messages.
  std::string name() const;
  auto operator<=>(const Origin&) const = default;
};

struct ClientShared {
  struct Counts {
    std::atomic<std::size_t> open = 0;
    std::atomic<std::size_t> idle = 0;
    std::atomic<std::size_t> waiting = 0;
    std::atomic<std::uint64_t> opened = 0;
    std::atomic<std::uint64_t> reused = 0;
    std::atomic<std::uint64_t> waits = 0;
    std::atomic<std::uint64_t> stale = 0;
    std::atomic<std::uint64_t> overloaded = 0;
  };

  ClientShared(ClientConfig client_config, std::size_t loop_count, const Clock& client_clock);

  const ClientConfig config;
  const std::size_t loops;
  const Clock& clock;
  net::Resolver resolver;
  boost::asio::ssl::context tls;
  bool tls_usable = true; // false: the CA file could not be read
  std::atomic<bool> closed = false;
  Counts counts;
};

} // namespace raglan::http
