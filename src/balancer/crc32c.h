// CRC-32C: the checksum of SCTP and iSCSI (RFC 9260, appendix A), Castagnoli's polynomial.
//
// A byte at a time from a table: some microseconds for what is checked here, a few kilobytes once
// for each connection. The instruction of x86 for it was not worth a second way.
//
// Thread safety: pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace raglan::balancer {

// Fed in parts; value() is of all that came.
class Crc32c {
 public:
  Crc32c& add(std::string_view bytes) {
    for (const char byte : bytes) {
      state_ = kTable[(state_ ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ (state_ >> 8);
    }
    return *this;
  }
  std::uint32_t value() const { return ~state_; }

 private:
  static constexpr std::array<std::uint32_t, 256> table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
      std::uint32_t crc = byte;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
      table[byte] = crc;
    }
    return table;
  }
  static const std::array<std::uint32_t, 256> kTable;

  std::uint32_t state_ = ~std::uint32_t{0};
};

inline constexpr std::array<std::uint32_t, 256> Crc32c::kTable = Crc32c::table();

} // namespace raglan::balancer
