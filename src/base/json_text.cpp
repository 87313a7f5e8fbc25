#include "base/json_text.h"

#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/json_escape.h"

namespace raglan {
namespace {

namespace json = boost::json;

void append(std::string& text, std::string_view value) {
  text += '"';
  append_json_escaped(text, value);
  text += '"';
}

// Shortest digits that read back as the same number; never without '.' or 'e', which would read
// back as an integer.
void append(std::string& text, double number) {
  if (!std::isfinite(number)) {
    text += "null";
    return;
  }
  const std::size_t begin = text.size();
  fmt::format_to(std::back_inserter(text), "{}", number);
  if (text.find_first_of(".e", begin) == std::string::npos) text += ".0";
}

void append(std::string& text, const json::value& value) {
  char separator = 0;
  switch (value.kind()) {
    case json::kind::null: text += "null"; return;
    case json::kind::bool_: text += value.get_bool() ? "true" : "false"; return;
    case json::kind::int64: text += std::to_string(value.get_int64()); return;
    case json::kind::uint64: text += std::to_string(value.get_uint64()); return;
    case json::kind::double_: append(text, value.get_double()); return;
    case json::kind::string: append(text, std::string_view(value.get_string())); return;
    case json::kind::array:
      separator = '[';
      for (const json::value& element : value.get_array()) {
        text += std::exchange(separator, ',');
        append(text, element);
      }
      text += separator == '[' ? "[]" : "]";
      return;
    case json::kind::object:
      separator = '{';
      for (const auto& [key, member] : value.get_object()) {
        text += std::exchange(separator, ',');
        append(text, std::string_view(key));
        text += ':';
        append(text, member);
      }
      text += separator == '{' ? "{}" : "}";
      return;
  }
}

} // namespace

void append_json_text(std::string& out, const json::value& value) { append(out, value); }

std::string json_text(const json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

} // namespace raglan
