// Hexadecimal: written in lower case, read in either.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raglan {

// 0 to 15, of a digit in either case; negative for any other character.
int hex_digit_value(char digit);

std::string to_hex(std::span<const std::uint8_t> bytes);
// Fills `out` exactly; false (and `out` unspecified) unless `hex` is 2 * out.size() hex digits.
bool from_hex(std::string_view hex, std::span<std::uint8_t> out);

} // namespace raglan
