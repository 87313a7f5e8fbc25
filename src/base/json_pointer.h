// JSON pointers (RFC 6901), which name a place in a document: "/filter/a~1b/0".
#pragma once

#include <string>
#include <string_view>

namespace raglan {

// The pointer to the member `name` of what `parent` points to; "~" and "/" of the name are escaped.
std::string json_pointer(std::string_view parent, std::string_view name);

} // namespace raglan
