// HMAC with SHA-256 (RFC 2104), and the comparison of what must not be guessed byte by byte.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace raglan::auth {

std::string hmac_sha256(std::string_view key, std::string_view message); // 32 bytes

// In a time that depends on the sizes alone.
bool is_same_secret(std::string_view left, std::string_view right);

} // namespace raglan::auth
