// The JSON text of a value: boost::json::serialize, but numbers look as people write them (0.25,
// not 2.5E-1). A number's text is the shortest that reads back as the same number, of the same
// kind.
//
// Numbers that are not finite, which JSON has no text for, are null.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace raglan {

void append_json_text(std::string& out, const boost::json::value& value);
std::string json_text(const boost::json::value& value);

} // namespace raglan
