// Numbers in the byte order of PostgreSQL's binary formats. Internal to postgres/.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace raglan::postgres {

template <typename T>
  requires std::is_arithmetic_v<T>
void append_number(std::string& out, T number) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &number, sizeof(T));
  static_assert(std::endian::native == std::endian::little);
  std::ranges::reverse(bytes);
  out.append(bytes.data(), bytes.size());
}

// `bytes` must have as many as the number.
template <typename T>
  requires std::is_arithmetic_v<T>
T read_number(const char* bytes) {
  char turned[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) turned[i] = bytes[sizeof(T) - 1 - i];
  T number;
  std::memcpy(&number, turned, sizeof(T));
  return number;
}

} // namespace raglan::postgres
