// Base64 as tokens have it: the alphabet of URLs, without padding (RFC 7515, 2).
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace raglan::auth {

std::string base64url_encode(std::string_view bytes);
// Nothing for what base64url_encode does not make: other characters, padding, bits left over. One
// token must not have two spellings.
std::optional<std::string> base64url_decode(std::string_view text);

} // namespace raglan::auth
