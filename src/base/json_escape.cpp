#include "base/json_escape.h"

namespace raglan {

std::string json_escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
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
        if (static_cast<unsigned char>(c) < 0x20) {
          escaped += "\\u00";
          escaped += kDigits[static_cast<unsigned char>(c) >> 4];
          escaped += kDigits[c & 15];
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

} // namespace raglan
