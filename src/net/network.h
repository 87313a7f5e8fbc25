// Networks by their prefix, "10.0.0.0/8" or "fd00::/8": whose word is believed, say.
//
// Thread safety: values.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace raglan::net {

class Network {
 public:
  // An address alone is the network of one. Empty when it is neither.
  static std::optional<Network> parse(std::string_view text);

  // An IPv4 address that a socket of IPv6 shows ("::ffff:10.0.0.1") is the IPv4 address.
  bool contains(const sockaddr_storage& address) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>; // IPv4 as IPv6 maps it

  static std::optional<Bytes> bytes_of(const sockaddr_storage& address);

  Bytes address_{};
  unsigned prefix_bits_ = 128;
};

} // namespace raglan::net
