// Escapes text for the inside of a JSON string (RFC 8259, section 7). Quotes are not added.
#pragma once

#include <string>
#include <string_view>

namespace raglan {

std::string json_escape(std::string_view text);
void append_json_escaped(std::string& out, std::string_view text);

} // namespace raglan
