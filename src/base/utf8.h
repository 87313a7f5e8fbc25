// UTF-8 validity (Unicode 15, table 3-7): no overlong forms, surrogates, or code points past
// U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace raglan {

// The length in bytes of the longest valid prefix; text.size() when all of it is valid.
std::size_t valid_utf8_prefix(std::string_view text);

inline bool is_valid_utf8(std::string_view text) { return valid_utf8_prefix(text) == text.size(); }

// The text with every maximal invalid part replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// Appends a code point; U+FFFD for what is none (surrogates, beyond U+10FFFF).
void append_utf8(char32_t code, std::string& out);

// What some editors put in front of a text; it means nothing in UTF-8.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
inline std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

// The largest n <= limit_bytes that does not cut a character of (valid) text in two.
std::size_t utf8_boundary(std::string_view text, std::size_t limit_bytes);

} // namespace raglan
