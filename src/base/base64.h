// Base64 (RFC 4648, 4) with padding, as OpenAI's API carries vectors. OpenSSL's codec.
//
// Thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raglan {

std::string base64_encode(std::span<const std::byte> bytes);
// Nothing when the text has another length, another alphabet, or white space.
std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

} // namespace raglan
