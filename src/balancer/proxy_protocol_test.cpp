#include "balancer/proxy_protocol.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"

namespace raglan::balancer {
namespace {

using std::string_view_literals::operator""sv;

// "192.168.0.1 56324"; "own": the connection's address counts; "wait", or "refused".
std::string read(std::string_view bytes) {
  // Exactly these, so that sanitizers see a look behind them.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  const auto parsed = parse_proxy_header({copy.data(), copy.size()});
  if (!parsed) {
    EXPECT_EQ(parsed.error().code, ErrorCode::kMalformedRequest);
    EXPECT_FALSE(parsed.error().reason.empty());
    return "refused";
  }
  if (!*parsed) return "wait";
  EXPECT_LE((*parsed)->header_bytes, bytes.size());
  if (!(*parsed)->source) return "own";
  const sockaddr_storage& source = *(*parsed)->source;
  char text[INET6_ADDRSTRLEN] = "";
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(source);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(source);
  const bool is_v4 = source.ss_family == AF_INET;
  const void* address = is_v4 ? static_cast<const void*>(&v4.sin_addr) : &v6.sin6_addr;
  EXPECT_NE(::inet_ntop(source.ss_family, address, text, sizeof text), nullptr);
  return text + (" " + std::to_string(ntohs(is_v4 ? v4.sin_port : v6.sin6_port)));
}

std::size_t header_bytes(std::string_view bytes) {
  const auto parsed = parse_proxy_header(bytes);
  return parsed && *parsed ? (*parsed)->header_bytes : 0;
}

std::string line(std::string_view fields) { return "PROXY " + std::string(fields) + "\r\n"; }

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kIpv4("\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb", 12);
constexpr char kTcp4 = 0x11;

std::string number16(std::size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}
std::string tlv(char type, std::string_view value) {
  return type + number16(value.size()) + std::string(value);
}
std::string binary(char version_and_command, char family, std::string_view rest) {
  return std::string(kSignature) + version_and_command + family + number16(rest.size()) +
         std::string(rest);
}
std::string tcp4(std::string_view tlvs = {}) {
  return binary(0x21, kTcp4, std::string(kIpv4) + std::string(tlvs));
}
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t state = ~0U; // bit by bit, Castagnoli's polynomial reflected
  for (const char byte : bytes) {
    state ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1U) != 0 ? 0x82f63b78U : 0);
  }
  return ~state;
}
// With the checksum of a TLV of four zeros at its end.
std::string summed(std::string header) {
  const std::uint32_t sum = crc32c(header);
  header.resize(header.size() - 4);
  return header + number16(sum >> 16) + number16(sum & 0xffff);
}

TEST(ProxyProtocol, ALineNamesTheClient) {
  EXPECT_EQ(read(line("TCP4 192.168.0.1 192.168.0.11 56324 443")), "192.168.0.1 56324");
  EXPECT_EQ(read(line("TCP6 2001:DB8::1 ::1 0 65535")), "2001:db8::1 0");
  EXPECT_EQ(read(line("TCP6 ::ffff:10.0.0.1 ::ffff:10.0.0.2 1 2")), "::ffff:10.0.0.1 1");
  const std::string header = line("TCP4 255.255.255.255 255.255.255.255 65535 65535");
  EXPECT_EQ(header.size(), 56U);
  EXPECT_EQ(header_bytes(header + "GET / HTTP/1.1\r\n\r\n"), header.size());
}

TEST(ProxyProtocol, OfAnUnknownClientTheRestOfTheLineIsPassedOver) {
  EXPECT_EQ(read(line("UNKNOWN")), "own");
  EXPECT_EQ(read(line("UNKNOWN whatever  this says")), "own");
  EXPECT_EQ(read("PROXY UNKNOWNS\r\n"), "refused");
  EXPECT_EQ(read("PROXY UNKNOWN a\nb\r\n"), "refused");
}

TEST(ProxyProtocol, ALineThatIsNotExactlyAsItMustBeIsRefused) {
  for (const char* fields :
       {"TCP4 192.168.0.1 192.168.0.11 56324", "TCP4 192.168.0.1 192.168.0.11 56324 443 ",
        "TCP4 192.168.0.1 192.168.0.11 56324 443 1", "TCP4  192.168.0.1 192.168.0.11 56324 443",
        "TCP4 192.168.0.1\t192.168.0.11 56324 443", "tcp4 192.168.0.1 192.168.0.11 56324 443",
        "TCP5 192.168.0.1 192.168.0.11 56324 443", "TCP 192.168.0.1 192.168.0.11 56324 443", "",
        "TCP4", "TCP4 "}) {
    EXPECT_EQ(read(line(fields)), "refused") << fields;
  }
  for (const char* port : {"065", "00", "65536", "99999999999", "-1", "+1", "1a", "0x1"}) {
    EXPECT_EQ(read(line("TCP4 1.2.3.4 1.2.3.4 1 " + std::string(port))), "refused") << port;
    EXPECT_EQ(read(line("TCP4 1.2.3.4 1.2.3.4 " + std::string(port) + " 1")), "refused") << port;
  }
  for (const char* address : {"1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "::1",
                              "1.2.3.4a", "0x1.2.3.4", "1.2.3.4.", "localhost"}) {
    EXPECT_EQ(read(line("TCP4 " + std::string(address) + " 1.2.3.4 1 2")), "refused") << address;
    EXPECT_EQ(read(line("TCP4 1.2.3.4 " + std::string(address) + " 1 2")), "refused") << address;
  }
  for (const char* address : {"1.2.3.4", "::1::", "1:2:3:4:5:6:7:8:9", "12345::", "fe80::1%eth0",
                              "[::1]", "1:2:3:4:5:6:7", ":"}) {
    EXPECT_EQ(read(line("TCP6 " + std::string(address) + " ::1 1 2")), "refused") << address;
  }
  EXPECT_EQ(read("PROXY TCP4 1.2.3.4 1.2.3\0.4 1 2\r\n"sv), "refused");
}

TEST(ProxyProtocol, ALineEndsInCrlfWithinItsBound) {
  EXPECT_EQ(read("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), "refused");
  EXPECT_EQ(read("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rG"), "refused");
  EXPECT_EQ(read("PROXY\r\n"), "refused");
  const std::string longest = "PROXY UNKNOWN " + std::string(kMaxProxyLineBytes - 16, 'x');
  EXPECT_EQ(read(longest), "wait");
  EXPECT_EQ(read(longest + "\r"), "wait");
  EXPECT_EQ(header_bytes(longest + "\r\n"), kMaxProxyLineBytes);
  EXPECT_EQ(read(longest + "x"), "refused");
  EXPECT_EQ(read(longest + "x\r\n"), "refused");
}

TEST(ProxyProtocol, ABinaryHeaderNamesTheClient) {
  EXPECT_EQ(read(tcp4()), "192.168.0.1 56324");
  EXPECT_EQ(header_bytes(tcp4() + "GET"), 28U);
  const std::string addresses = "\x20\x01" + std::string(13, '\0') + "\x01" +
                                std::string(15, '\0') + "\x01" + number16(7) + number16(443);
  EXPECT_EQ(read(binary(0x21, 0x21, addresses)), "2001::1 7");
}

TEST(ProxyProtocol, WhatIsNotTcpIsPassedOver) {
  EXPECT_EQ(read(binary(0x20, 0x00, "")), "own"); // LOCAL
  EXPECT_EQ(read(binary(0x20, 0x11, kIpv4)), "own");
  EXPECT_EQ(read(binary(0x20, char(0xff), "??")), "own"); // its family is ignored
  EXPECT_EQ(read(binary(0x21, 0x00, "???")), "own");
  EXPECT_EQ(read(binary(0x21, 0x12, kIpv4)), "own"); // UDP
  EXPECT_EQ(read(binary(0x21, 0x31, std::string(216, 'u'))), "own");
  EXPECT_EQ(header_bytes(binary(0x21, 0x00, "???") + "GET"), 19U);
}

TEST(ProxyProtocol, ABinaryHeaderThatIsNoneIsRefusedAtTheByte) {
  const auto begins = [](std::initializer_list<int> bytes) {
    std::string header(kSignature);
    for (const int byte : bytes) header += static_cast<char>(byte);
    return read(header);
  };
  for (const int byte : {0x11, 0x31, 0x01, 0x22, 0x2f}) EXPECT_EQ(begins({byte}), "refused");
  for (const int byte : {0x41, 0x13, 0xf1, 0x03}) EXPECT_EQ(begins({0x21, byte}), "refused");
  EXPECT_EQ(begins({0x21, 0x11, 0, 11}), "refused"); // shorter than its addresses
  EXPECT_EQ(begins({0x21, 0x11, 0, 12}), "wait");
  EXPECT_EQ(begins({0x21, 0x21, 0, 35}), "refused");
  EXPECT_EQ(begins({0x21, 0x31, 0, 215}), "refused");
  EXPECT_EQ(begins({0x21, 0x11, 0x0f, 0xf0}), "wait");
  EXPECT_EQ(begins({0x21, 0x11, 0x0f, 0xf1}), "refused"); // longer than is taken
  EXPECT_EQ(begins({0x20, 0x00, 0x0f, 0xf1}), "refused");
}

TEST(ProxyProtocol, TheLongestHeaderIsTaken) {
  const std::size_t value_bytes = kMaxProxyHeaderBytes - 28 - 3;
  const std::string longest = tcp4(tlv(0x04, std::string(value_bytes, 'n')));
  EXPECT_EQ(header_bytes(longest + "GET"), kMaxProxyHeaderBytes);
}

TEST(ProxyProtocol, TlvsArePassedOverAndMustFillTheHeader) {
  EXPECT_EQ(read(tcp4(tlv(0x01, "h2") + tlv(char(0xea), "\x01vpce-1") + tlv(0x04, ""))),
            "192.168.0.1 56324");
  for (const auto& tlvs : {"\x01"sv, "\x01\x00"sv, "\x01\x00\x01"sv, "\x01\xff\xff??"sv}) {
    EXPECT_EQ(read(tcp4(tlvs)), "refused");
  }
}

TEST(ProxyProtocol, AChecksumMustBeRight) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U); // the check value of CRC catalogues
  const std::string header = summed(tcp4(tlv(0x01, "h2") + tlv(0x03, "\0\0\0\0"sv)));
  EXPECT_EQ(read(header), "192.168.0.1 56324");
  const std::size_t type_at = header.size() - 7; // changed, it is no checksum
  for (std::size_t at = 16; at < header.size(); ++at) {
    if (at == type_at) continue;
    std::string changed = header;
    changed[at] ^= 0x10;
    EXPECT_EQ(read(changed), "refused") << at;
  }
  EXPECT_EQ(read(tcp4(tlv(0x03, "123"))), "refused");
  const std::string zeros = tlv(0x03, "\0\0\0\0"sv);
  EXPECT_EQ(read(summed(tcp4(zeros + zeros))), "refused");
}

std::vector<std::string> valid_headers() {
  return {line("TCP4 192.168.0.1 192.168.0.11 56324 443"),
          line("TCP6 2001:db8::1 ::1 1 65535"),
          line("UNKNOWN"),
          line("UNKNOWN ffff::1 ffff::2 1 2"),
          tcp4(),
          summed(tcp4(tlv(char(0xea), std::string(300, 'v')) + tlv(0x03, "\0\0\0\0"sv))),
          binary(0x20, 0x00, ""),
          binary(0x21, 0x31, std::string(216, 'u'))};
}

TEST(ProxyProtocol, EachBeginningOfAHeaderIsWaitedOn) {
  for (const std::string& header : valid_headers()) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      EXPECT_EQ(read(header.substr(0, size)), "wait") << size;
    }
    EXPECT_EQ(header_bytes(header), header.size());
    EXPECT_EQ(header_bytes(header + header), header.size());
  }
}

TEST(ProxyProtocol, WhatCannotBecomeOneIsRefusedAtOnce) {
  for (const auto& bytes :
       {"G"sv, "PR "sv, "PROXY  "sv, "PROXY T "sv, "PROXY X"sv, "PROXY TCP4 g"sv, "PROXY TCP4 :"sv,
        "PROXY TCP4 1.2.3.256 "sv, "PROXY TCP4 1.2.3.4 1.2.3.4 00"sv,
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536"sv, "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 "sv,
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r"sv, "PROXY TCP4 1234567890123456"sv, "\n"sv, "\r\n\n"sv,
        "\r\n\r\n\r"sv, "\x16\x03\x01"sv}) {
    EXPECT_EQ(read(bytes), "refused") << bytes;
  }
}

// No mutation reads behind the bytes (sanitizers see that), and an answer that was given is not
// changed by what arrives later.
TEST(ProxyProtocol, MutationsAreAnsweredOnceAndForAll) {
  Rng rng(7);
  const auto headers = valid_headers();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = headers[rng.below(headers.size())] + "GET / HTTP/1.1\r\n";
    for (auto changes = rng.below(4); changes > 0; --changes) {
      const auto at = rng.below(std::min<std::size_t>(bytes.size(), 64));
      switch (rng.below(3)) {
        case 0: bytes[at] = static_cast<char>(rng.below(256)); break;
        case 1: bytes.erase(at, 1); break;
        default: bytes.insert(at, 1, static_cast<char>(rng.below(256)));
      }
    }
    const std::string whole = read(bytes);
    const std::size_t taken = header_bytes(bytes);
    for (int part = 0; part < 4; ++part) {
      const std::string_view begin = std::string_view(bytes).substr(0, rng.below(bytes.size()));
      const std::string early = read(begin);
      if (whole == "wait") ASSERT_EQ(early, "wait") << bytes;
      if (whole == "refused") ASSERT_TRUE(early == "wait" || early == "refused") << bytes;
      if (taken > 0) ASSERT_EQ(early, begin.size() < taken ? "wait" : whole) << bytes;
    }
  }
}

} // namespace
} // namespace raglan::balancer
