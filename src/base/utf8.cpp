#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace raglan {
namespace {

bool continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

// The length of the valid character at the front of `text`, or 0. `bad_bytes` receives the length
// of the maximal invalid part when the result is 0.
std::size_t character_length(std::string_view text, std::size_t& bad_bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  bad_bytes = 1;
  if (lead < 0x80) return 1;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  std::size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() < 2 || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (i >= text.size() || !continuation(byte(i))) {
      bad_bytes = i;
      return 0;
    }
  }
  return length;
}

} // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at a time: almost all text is ASCII almost everywhere.
    std::uint64_t word;
    while (at + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if (word & 0x8080808080808080) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    std::size_t bad_bytes;
    const std::size_t length = character_length(text.substr(at), bad_bytes);
    if (length == 0) return at;
    at += length;
  }
  return at;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    clean += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    std::size_t bad_bytes;
    character_length(text, bad_bytes);
    clean += "\xef\xbf\xbd";
    text.remove_prefix(bad_bytes);
  }
  return clean;
}

void append_utf8(char32_t code, std::string& out) {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) code = 0xfffd;
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t utf8_boundary(std::string_view text, std::size_t limit_bytes) {
  if (limit_bytes >= text.size()) return text.size();
  while (limit_bytes > 0 && continuation(static_cast<unsigned char>(text[limit_bytes]))) {
    --limit_bytes;
  }
  return limit_bytes;
}

} // namespace raglan
