#include "balancer/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <boost/crc.hpp>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/read_number.h"

namespace raglan::balancer {
namespace {

using Parsed = Result<std::optional<ProxiedClient>>;

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::unexpected<Error> refused(std::string_view reason) {
  Error error{ErrorCode::kMalformedRequest, "the connection does not begin with a PROXY header"};
  error.reason = reason;
  return std::unexpected(std::move(error));
}

// Of what has arrived, or will begin with it.
bool agree(std::string_view arrived, std::string_view expected) {
  return arrived.starts_with(expected) || expected.starts_with(arrived);
}

sockaddr_storage address_of(int family, const void* address, std::uint16_t network_order_port) {
  sockaddr_storage storage{};
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    std::memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
    v4.sin_port = network_order_port;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    std::memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
    v6.sin6_port = network_order_port;
  }
  storage.ss_family = static_cast<sa_family_t>(family);
  return storage;
}

// ---- version 1

// The fields of a line between single blanks. The last one may not have come whole.
class Line {
 public:
  struct Field {
    std::string_view text;
    bool whole; // else more of it may come
  };

  Line(std::string_view text, bool whole) : rest_(text), whole_(whole) {}

  // Behind the last one of a whole line: empty ones, which no field may be.
  Field next() {
    const std::size_t blank = rest_.find(' ');
    const Field field{rest_.substr(0, blank), whole_ || blank != rest_.npos};
    more_ = blank != rest_.npos;
    rest_ = more_ ? rest_.substr(blank + 1) : std::string_view();
    return field;
  }
  bool more() const { return more_; }

 private:
  std::string_view rest_;
  bool whole_;
  bool more_ = true;
};

bool is(const Line::Field& field, std::string_view word) {
  return field.whole ? field.text == word : word.starts_with(field.text);
}

// Of one that is not whole: whether its bytes may stand in such an address.
bool read_address(const Line::Field& field, int family, in6_addr& address) {
  const std::string_view allowed = family == AF_INET ? "0123456789." : "0123456789abcdefABCDEF:.";
  std::array<char, INET6_ADDRSTRLEN> text{}; // ended by zero
  if (field.text.size() >= (family == AF_INET ? INET_ADDRSTRLEN : text.size())) return false;
  if (field.text.find_first_not_of(allowed) != field.text.npos) return false;
  if (!field.whole) return true;
  field.text.copy(text.data(), text.size() - 1);
  return ::inet_pton(family, text.data(), &address) == 1; // takes no leading zeros in IPv4
}

// Each beginning of a port is one.
bool read_port(const Line::Field& field, std::uint16_t& port) {
  if (!field.whole && field.text.empty()) return true;
  return read_number(field.text, port) && (field.text.size() == 1 || field.text[0] != '0');
}

// Empty: the fields that are there are right.
Parsed parse_fields(Line line, std::size_t header_bytes) {
  const Line::Field protocol = line.next();
  if (is(protocol, "UNKNOWN")) { // and what follows means nothing
    if (!protocol.whole) return std::nullopt;
    return ProxiedClient{header_bytes, std::nullopt};
  }
  if (!is(protocol, "TCP4") && !is(protocol, "TCP6")) return refused("an unknown protocol");
  if (!protocol.whole) return std::nullopt;
  const int family = protocol.text == "TCP4" ? AF_INET : AF_INET6;

  in6_addr source{};
  in6_addr destination{};
  for (in6_addr* address : {&source, &destination}) {
    const Line::Field field = line.next();
    if (!read_address(field, family, *address)) return refused("an address is wrong");
    if (!field.whole) return std::nullopt;
  }
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  for (std::uint16_t* port : {&source_port, &destination_port}) {
    const Line::Field field = line.next();
    if (!read_port(field, *port)) return refused("a port is wrong");
    if (!field.whole) return std::nullopt;
  }
  if (line.more()) return refused("the line goes on behind the ports");
  return ProxiedClient{header_bytes, address_of(family, &source, htons(source_port))};
}

Parsed parse_line(std::string_view bytes) {
  if (bytes.size() < kLineBegin.size()) return std::nullopt;
  std::string_view text = bytes.substr(0, kMaxProxyLineBytes);
  const std::size_t end = text.find("\r\n");
  const bool arrived = end != text.npos;
  text = text.substr(0, end);
  // A CR that came last ends the fields, and the LF is missing.
  const bool ended = arrived || text.ends_with('\r');
  if (!arrived && ended) text.remove_suffix(1);
  if (text.size() + 2 > kMaxProxyLineBytes) return refused("the line is too long");
  if (text.find_first_of("\r\n") != text.npos) return refused("a line break that is not CRLF");
  text.remove_prefix(kLineBegin.size());
  auto parsed = parse_fields(Line(text, ended), end + 2);
  if (parsed && !arrived) return std::nullopt;
  return parsed;
}

// ---- version 2

constexpr std::size_t kFixedBytes = 16; // in front of the addresses
constexpr std::size_t kTlvHeadBytes = 3;
constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kTlvCrc32c = 0x03;
enum Command : std::uint8_t { kLocal, kProxy };
enum Family : std::uint8_t { kNoFamily, kIpv4, kIpv6, kUnix };
enum Transport : std::uint8_t { kNoTransport, kStream, kDatagram };

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}
std::size_t length_at(std::string_view bytes, std::size_t at) {
  return std::size_t{byte_at(bytes, at)} << 8 | byte_at(bytes, at + 1);
}

// CRC-32C (RFC 9260, appendix A).
using Crc32c = boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true>;

// Of the header, whose own four bytes of it, at `at`, count as zero.
std::uint32_t checksum(std::string_view header, std::size_t at) {
  const std::string_view zeros("\0\0\0\0", 4);
  Crc32c sum;
  for (const std::string_view part : {header.substr(0, at), zeros, header.substr(at + 4)}) {
    sum.process_bytes(part.data(), part.size());
  }
  return sum.checksum();
}

// `header`: all of it; the TLVs begin at `at`.
Result<> check_tlvs(std::string_view header, std::size_t at) {
  bool checked = false;
  while (at < header.size()) {
    if (header.size() - at < kTlvHeadBytes) return refused("a TLV is cut off");
    const std::uint8_t type = byte_at(header, at);
    const std::size_t value_bytes = length_at(header, at + 1);
    at += kTlvHeadBytes;
    if (value_bytes > header.size() - at) return refused("a TLV is cut off");
    if (type == kTlvCrc32c) {
      // One alone: hundreds of them would be work for the asking.
      if (value_bytes != 4 || std::exchange(checked, true)) return refused("a checksum is odd");
      const auto said =
          static_cast<std::uint32_t>(length_at(header, at) << 16 | length_at(header, at + 2));
      if (checksum(header, at) != said) return refused("the checksum is wrong");
    }
    at += value_bytes;
  }
  return {};
}

// Of both addresses, with their ports.
std::size_t addresses_bytes(std::uint8_t family) {
  switch (family) {
    case kIpv4: return 2 * (4 + 2);
    case kIpv6: return 2 * (16 + 2);
    case kUnix: return 2 * 108;
    default: return 0;
  }
}

sockaddr_storage source_at(const char* addresses, std::uint8_t family) {
  const std::size_t port_at = family == kIpv4 ? 2 * 4 : 2 * 16;
  std::uint16_t port = 0;
  std::memcpy(&port, addresses + port_at, sizeof port);
  return address_of(family == kIpv4 ? AF_INET : AF_INET6, addresses, port);
}

Parsed parse_binary(std::string_view bytes) {
  if (bytes.size() <= kSignature.size()) return std::nullopt;
  const std::uint8_t command = byte_at(bytes, 12) & 0x0f;
  if (byte_at(bytes, 12) >> 4 != kVersion) return refused("an unknown version");
  if (command > kProxy) return refused("an unknown command");
  if (bytes.size() < 14) return std::nullopt;
  const std::uint8_t family = byte_at(bytes, 13) >> 4;
  const std::uint8_t transport = byte_at(bytes, 13) & 0x0f;
  // Of LOCAL the family, and all behind it, is to be ignored.
  const bool known = family <= kUnix && transport <= kDatagram;
  if (command == kProxy && !known) return refused("an unknown family");
  if (bytes.size() < kFixedBytes) return std::nullopt;

  const std::size_t header_bytes = kFixedBytes + length_at(bytes, 14);
  // Without both it is not said how long the addresses are: nothing behind is looked at.
  const bool has_addresses = command == kProxy && family != kNoFamily && transport != kNoTransport;
  const std::size_t tlvs_at = kFixedBytes + (has_addresses ? addresses_bytes(family) : 0);
  if (header_bytes > kMaxProxyHeaderBytes) return refused("the header is too long");
  if (header_bytes < tlvs_at) return refused("the header is too short for its addresses");
  if (bytes.size() < header_bytes) return std::nullopt;

  ProxiedClient client{header_bytes, std::nullopt};
  if (!has_addresses) return client;
  if (auto checked = check_tlvs(bytes.substr(0, header_bytes), tlvs_at); !checked) {
    return forward_error(checked);
  }
  if (family != kUnix && transport == kStream) {
    client.source = source_at(bytes.data() + kFixedBytes, family);
  }
  return client;
}

} // namespace

Parsed parse_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  if (agree(bytes, kSignature)) return parse_binary(bytes);
  if (agree(bytes, kLineBegin)) return parse_line(bytes);
  return refused("it begins with something else");
}

} // namespace raglan::balancer
