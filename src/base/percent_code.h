// Percent-coding of URLs (RFC 3986, 2.1). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace raglan {

// "%41b" -> "Ab"; empty for a broken escape ("%4", "%zz") and for an encoded NUL, which no
// component of ours has a use for and C libraries beneath would cut at. `plus_is_space` as in HTML
// forms.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but unreserved characters (RFC 3986, 2.3) becomes %XX: safe in a path segment or
// query.
std::string percent_encode(std::string_view text);

} // namespace raglan
