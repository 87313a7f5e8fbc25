#include "base/json_escape.h"

#include <array>

#include "base/hex.h"

namespace raglan {
namespace {

constexpr std::array<bool, 256> needs_escape() {
  std::array<bool, 256> needs{};
  for (int control = 0; control < 0x20; ++control) needs[control] = true;
  needs['"'] = needs['\\'] = true;
  return needs;
}
constexpr auto kNeedsEscape = needs_escape();

std::string escape_of(char c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  return "\\u00" + to_hex({&byte, 1});
}

} // namespace

void append_json_escaped(std::string& out, std::string_view text) {
  std::size_t begin = 0; // of what is not written yet
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!kNeedsEscape[static_cast<std::uint8_t>(text[at])]) continue;
    out.append(text, begin, at - begin);
    out += escape_of(text[at]);
    begin = at + 1;
  }
  out.append(text, begin);
}

std::string json_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  append_json_escaped(escaped, text);
  return escaped;
}

} // namespace raglan
