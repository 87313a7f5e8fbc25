#include "ingest/html_entities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <unordered_map>

#include "base/utf8.h"
#include "ingest/charset.h"
#include "ingest/html_entity_table.h"

namespace raglan::ingest {
namespace {

using std::string_view;

constexpr std::size_t kMaxNameBytes = 31;

struct Entity {
  std::array<char32_t, 2> codes{}; // the second is often none
  bool needs_semicolon = true;
};

using Entities = std::unordered_map<string_view, Entity>;

Entities unpack(string_view table) {
  Entities entities;
  while (!table.empty()) {
    const string_view item = table.substr(0, table.find(' '));
    table.remove_prefix(item.size() + 1);
    const std::size_t mark = item.find_first_of("=!");
    Entity entity;
    entity.needs_semicolon = item[mark] == '=';
    const char* at = item.data() + mark + 1;
    const char* const end = item.data() + item.size();
    for (char32_t& code : entity.codes) {
      std::uint32_t number = 0;
      if (at >= end) break;
      at = std::from_chars(at, end, number, 16).ptr + 1;
      code = number;
    }
    entities.emplace(item.substr(0, mark), entity);
  }
  return entities;
}

const Entities& entities() {
  static const Entities table = unpack(kHtmlEntityTable);
  return table;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// `text` begins behind "&#". Returns how many bytes were used; 0 when it is no reference.
std::size_t append_number(string_view text, std::string& out) {
  const bool hexadecimal = text.starts_with('x') || text.starts_with('X');
  const char* const first = text.data() + (hexadecimal ? 1 : 0);
  const char* const end = text.data() + text.size();
  std::uint32_t code = 0;
  const auto [at, error] = std::from_chars(first, end, code, hexadecimal ? 16 : 10);
  if (at == first) return 0;
  if (error != std::errc{} || code == 0) code = 0xfffd; // too large; NUL
  append_utf8(code >= 0x80 && code < 0xa0 ? windows_1252(static_cast<unsigned char>(code)) : code,
              out);
  const auto used = static_cast<std::size_t>(at - text.data());
  return used + (used < text.size() && text[used] == ';' ? 1 : 0);
}

// `text` begins behind "&". Returns how many bytes were used; 0 when it is no reference.
std::size_t append_named(string_view text, std::string& out) {
  std::size_t length = 0;
  while (length < std::min(text.size(), kMaxNameBytes) && is_alphanumeric(text[length])) ++length;
  for (std::size_t tried = length; tried > 0; --tried) {
    const auto found = entities().find(text.substr(0, tried));
    if (found == entities().end()) continue;
    const bool semicolon = tried < text.size() && text[tried] == ';';
    if (found->second.needs_semicolon && !semicolon) continue;
    for (const char32_t code : found->second.codes) {
      if (code != 0) append_utf8(code, out);
    }
    return tried + (semicolon ? 1 : 0);
  }
  return 0;
}

} // namespace

void append_unescaped(string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(1);
    std::size_t used = 0;
    if (text.starts_with('#')) {
      used = append_number(text.substr(1), out);
      if (used > 0) ++used;
    } else {
      used = append_named(text, out);
    }
    if (used == 0) out += '&';
    text.remove_prefix(used);
  }
}

} // namespace raglan::ingest
