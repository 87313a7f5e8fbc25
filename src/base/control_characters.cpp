#include "base/control_characters.h"

#include "base/hex.h"
#include "base/utf8.h"

namespace raglan {
namespace {

// Copies the text; `replace(character, out)` is called for each control character, with its code.
template <typename Replace>
std::string replaced(std::string_view text, Replace&& replace) {
  const std::string valid = replace_invalid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (std::size_t at = 0; at < valid.size();) {
    const std::string_view rest = std::string_view(valid).substr(at);
    const std::size_t size_bytes = control_character_bytes(rest);
    if (size_bytes == 0) {
      out += rest.front();
      ++at;
    } else {
      replace(static_cast<unsigned char>(rest[size_bytes - 1]), out); // C1's code is its last byte
      at += size_bytes;
    }
  }
  return out;
}

} // namespace

std::size_t control_character_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7f) return 1;
  if (first != 0xc2 || text.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  return second >= 0x80 && second < 0xa0 ? 2 : 0;
}

std::string escape_control_characters(std::string_view text) {
  std::string doubled;
  doubled.reserve(text.size());
  for (const char c : text) {
    if (c == '\\') doubled += c;
    doubled += c;
  }
  return replaced(doubled, [](unsigned char code, std::string& out) {
    switch (code) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out += "\\x" + to_hex({&code, 1});
    }
  });
}

std::string blank_control_characters(std::string_view text) {
  return replaced(text,
                  [](unsigned char code, std::string& out) { out += code == '\n' ? '\n' : ' '; });
}

} // namespace raglan
