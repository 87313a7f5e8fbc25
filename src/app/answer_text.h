// A reply of POST /v1/query as text for a terminal: the answer, its numbered sources (title, file,
// passage), the time of every stage.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace raglan::app {

// Whatever is missing in the reply is left out; what is sent by a node is never trusted to be
// there.
std::string answer_text(const boost::json::value& reply, bool colour);

// "again: 0.21 ms from the query cache, 180 times as fast"
std::string comparison_text(const boost::json::value& first, const boost::json::value& second);

// `text` in lines of at most `width` bytes where it has blanks, each after `indent`.
std::string wrap_text(std::string_view text, std::size_t width, std::string_view indent);

} // namespace raglan::app
