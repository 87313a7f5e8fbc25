// Server-sent events (WHATWG HTML, 9.2): formatting only.
//
//   co_await out.write(format_event("delta", R"({"text":"hi"})"));
#pragma once

#include <string>
#include <string_view>

namespace raglan::http {

inline constexpr std::string_view kEventStreamType = "text/event-stream";

// One event. Each line of `data` gets its own "data:" field (LF, CRLF and CR all end a line, as the
// reader would see them). An empty name leaves the "event:" field out; line ends in it are dropped.
std::string format_event(std::string_view event, std::string_view data);

} // namespace raglan::http
