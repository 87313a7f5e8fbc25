// Lower-case hexadecimal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raglan {

std::string to_hex(std::span<const std::uint8_t> bytes);
// Fills `out` exactly; false (and `out` unspecified) unless `hex` is 2 * out.size() hex digits.
bool from_hex(std::string_view hex, std::span<std::uint8_t> out);

} // namespace raglan
