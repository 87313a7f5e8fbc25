#include "base/json_escape.h"

#include "base/hex.h"

namespace raglan {

std::string json_escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '"': escaped += "\\\""; break;
      case '\\': escaped += "\\\\"; break;
      case '\n': escaped += "\\n"; break;
      case '\r': escaped += "\\r"; break;
      case '\t': escaped += "\\t"; break;
      default:
        if (const auto byte = static_cast<std::uint8_t>(c); byte < 0x20) {
          escaped += "\\u00" + to_hex({&byte, 1});
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

} // namespace raglan
