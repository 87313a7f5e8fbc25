#include "net/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace raglan::net {
namespace {

constexpr unsigned kMappedBits = 96; // in front of an IPv4 address

} // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  unsigned offset_bits = 0;
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    storage.ss_family = AF_INET;
    offset_bits = kMappedBits;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    storage.ss_family = AF_INET6;
  } else {
    return std::nullopt;
  }
  Network network;
  network.address_ = *bytes_of(storage);
  if (slash == text.npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || bits + offset_bits > 128) return std::nullopt;
  network.prefix_bits_ = bits + offset_bits;
  return network;
}

bool Network::contains(const sockaddr_storage& address) const {
  const auto bytes = bytes_of(address);
  if (!bytes) return false;
  const unsigned whole_bytes = prefix_bits_ / 8;
  if (!std::equal(bytes->begin(), bytes->begin() + whole_bytes, address_.begin())) return false;
  const unsigned rest = prefix_bits_ % 8;
  return rest == 0 || ((*bytes)[whole_bytes] ^ address_[whole_bytes]) >> (8 - rest) == 0;
}

std::optional<Network::Bytes> Network::bytes_of(const sockaddr_storage& address) {
  Bytes bytes{};
  if (address.ss_family == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    return bytes;
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  return bytes;
}

} // namespace raglan::net
